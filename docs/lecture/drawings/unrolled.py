"""A recurrent network, unrolled over the letters of a sequence; colours are its states."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import FancyBboxPatch

from sklearn_ann import RNNClassifier

rng = np.random.default_rng(0)
strings = ["".join(rng.choice(list("ACGT"), size=8)) for _ in range(400)]
has_a = [("A" in text[:4]) for text in strings]  # the first half must be remembered
model = RNNClassifier(
    cell="plain",
    conv_layers=(),
    bidirectional=False,
    n_layers=1,
    hidden_size=6,
    pooling="last",
    random_state=0,
).fit(strings, has_a)
text = "CCATGGTC"
states = model.hidden_states([text])[0]  # (n_steps, n_units)
chance = model.predict_proba([text])[0, 1]

figure, axis = plt.subplots(figsize=(5.6, 3.6), layout="constrained")
for step, (letter, state) in enumerate(zip(text, states, strict=True)):
    axis.text(step, -1.5, f"$x_{step + 1}$={letter}", ha="center", size=9)
    axis.annotate("", (step, -0.55), (step, -1.15), arrowprops={"arrowstyle": "-|>"})
    box = FancyBboxPatch(
        (step - 0.28, -0.4),
        0.56,
        0.8,
        boxstyle="round,pad=0.05",
        facecolor="#4477aa",
        alpha=0.35,
    )
    axis.add_patch(box)
    axis.text(step, 0, f"RNN\n({step + 1})", ha="center", va="center", size=8)
    if step < len(text) - 1:
        axis.annotate("", (step + 0.65, 0), (step + 0.35, 0), arrowprops={"arrowstyle": "-|>"})
    axis.annotate("", (step, 0.95), (step, 0.5), arrowprops={"arrowstyle": "-"})
    shown = axis.imshow(
        state[:, None],
        extent=(step - 0.18, step + 0.18, 0.95, 2.4),
        cmap="RdBu_r",
        vmin=-1,
        vmax=1,
        aspect="auto",
    )
    axis.text(step, 2.5, f"$h_{step + 1}$", ha="center")
axis.set(xlim=(-0.7, 7.7), ylim=(-1.7, 3))
axis.set_axis_off()
axis.set_title(f"Is an A among the first four letters?\nLast state: probability {chance:.2f}")
figure.colorbar(
    shown, ax=axis, label="state of a unit", location="bottom", shrink=0.6, aspect=30
)
