"""A tensor of responses with unknown entries, and what a factorisation says of them."""

import matplotlib.pyplot as plt
import numpy as np

from sklearn_ann import TensorFactorizationRegressor

rng = np.random.default_rng(0)
drugs, genes, times = (
    rng.normal(size=(24, 2)),
    rng.normal(size=(30, 2)),
    rng.normal(size=(4, 2)),
)
tensor = np.einsum("ir,jr,kr->ijk", drugs, genes, times)  # (drugs, genes, times), two factors
places = np.argwhere(np.ones(tensor.shape))
known = rng.uniform(size=len(places)) < 0.3
model = TensorFactorizationRegressor(max_epochs=60, random_state=0).fit(
    places[known], tensor.ravel()[known]
)
filled = model.predict(places).reshape(tensor.shape)
correlation = np.corrcoef(filled.ravel()[~known], tensor.ravel()[~known])[0, 1]

figure, axes = plt.subplots(3, 4, figsize=(5.6, 4.4), layout="constrained")
observed = np.where(known.reshape(tensor.shape), tensor, np.nan)
rows = {"known, 30 %": observed, "predicted": filled, "truth": tensor}
for line, (name, values) in zip(axes, rows.items(), strict=True):
    for time, axis in enumerate(line):
        shown = axis.imshow(values[..., time], cmap="RdBu_r", vmin=-3, vmax=3)
        axis.set(xticks=[], yticks=[])
    line[0].set_ylabel(f"{name}\ndrugs")
for time in range(4):
    axes[0, time].set_title(f"time {time}")
    axes[2, time].set_xlabel("genes")
figure.colorbar(shown, ax=axes, shrink=0.5, label="response", location="bottom", aspect=30)
figure.suptitle(f"Unknown entries: correlation with the truth {correlation:.2f}")
