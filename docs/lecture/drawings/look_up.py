"""Attention as a look-up: six keys on a circle, their values, and a query that goes round."""

import matplotlib.pyplot as plt
import numpy as np
from cells import draw_cells

from sklearn_ann import AttentionTransformer

angles = np.deg2rad([0, 60, 120, 180, 240, 300])
keys = np.c_[np.cos(angles), np.sin(angles)]
values = np.array([[2.0], [5.0], [1.0], [4.0], [0.0], [3.0]])
turn = np.deg2rad(np.arange(0, 361, 2))
queries = np.c_[np.cos(turn), np.sin(turn)]

figure, (above, below) = plt.subplots(
    2, 1, figsize=(5.6, 5), layout="constrained", height_ratios=(1, 2)
)
query = np.deg2rad([75])
weights = (
    AttentionTransformer(keys=keys, values=values, scale=5)
    .fit(keys)
    .attention_maps(np.c_[np.cos(query), np.sin(query)])
)
table = np.c_[np.rad2deg(angles), values[:, 0], np.full(6, np.nan)]
draw_cells(above, table.T, limit=1e9, rows=["key, in °", "value", "weight"])
above.set_aspect("auto")
for column, weight in enumerate(weights[0]):
    above.text(
        column,
        2,
        f"{weight:.2f}",
        ha="center",
        va="center",
        size=9,
        bbox={"facecolor": "#ffcc66", "alpha": weight},
    )
above.set_title(f"query at 75°, scale 5: answer {(weights @ values).item():.2f}")
for scale, colour in ((1, "#bbccee"), (5, "#4477aa"), (50, "#222255")):
    answer = (
        AttentionTransformer(keys=keys, values=values, scale=scale)
        .fit(keys)
        .transform(queries)
    )
    below.plot(np.rad2deg(turn), answer, color=colour, label=f"scale {scale}")
below.scatter(np.rad2deg(angles), values, color="#ee6677", zorder=3, label="keys and values")
below.set(xlabel="query, in °", ylabel="answer", xticks=range(0, 361, 60))
below.legend(frameon=False, loc="upper right")
below.spines[["top", "right"]].set_visible(False)
