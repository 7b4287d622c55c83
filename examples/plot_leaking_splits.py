"""
Keep related proteins in one fold with sequence_groups
======================================================

This example shows how to measure accuracy on proteins that are not related to those of the
training set. Proteins come in families. With random folds, a model is right by recognising a
relative. :func:`~sklearn_ann.model_selection.sequence_groups` finds the families, and
scikit-learn's ``StratifiedGroupKFold`` keeps each family in one fold.

Baseline: a random forest on counts of pairs of letters.
"""

# %%
# The data: 60 families of eight proteins that share most letters. Each family has a random
# label. In half of the families the proteins with label 1 also contain a motif. In the other
# half only the family predicts the label.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn_ann import CNNClassifier, SequenceEncoder
from sklearn_ann.model_selection import sequence_groups

LETTERS = np.array(list("ACDEFGHIKLMNPQRSTVWY"))
MOTIF = np.array(list("WCWHC"))
rng = np.random.default_rng(0)
sequences, labels = [], []
for family in range(60):
    ancestor = rng.choice(LETTERS, size=80)
    label = int(rng.random() < 0.5)
    for _ in range(8):
        member = np.where(rng.random(80) < 0.1, rng.choice(LETTERS, size=80), ancestor)
        if label and family % 2:
            place = rng.integers(75)
            member[place : place + 5] = MOTIF
        sequences.append("".join(member))
        labels.append(label)
y = np.array(labels)

# %%
# The groups of related proteins are found from the sequences alone.
groups = sequence_groups(sequences)
print(f"{len(sequences)} proteins, {len(np.unique(groups))} groups")

# %%
# Two models are scored with two ways to split.
models = {
    "forest on pairs of letters": make_pipeline(
        SequenceEncoder("protein", encoding="kmer", k=2),
        RandomForestClassifier(random_state=0),
    ),
    "convolutional network": CNNClassifier(
        position_bias=False,
        global_pooling="max",
        max_epochs=15,
        learning_rate_schedule="cosine",
        random_state=0,
    ),
}
splits = {
    "random folds": {"cv": StratifiedKFold(4, shuffle=True, random_state=0)},
    "folds of groups": {
        "cv": StratifiedGroupKFold(4, shuffle=True, random_state=0),
        "groups": groups,
    },
}
accuracy = {
    name: [cross_val_score(model, sequences, y, **split).mean() for split in splits.values()]
    for name, model in models.items()
}
for name, values in accuracy.items():
    print(
        f"{name:28s}",
        "  ".join(
            f"{split}: {value:.2f}" for split, value in zip(splits, values, strict=True)
        ),
    )

# %%
# A model that finds the motif, and nothing else, reaches an accuracy of about three quarters
# on unrelated proteins.
figure, axis = plt.subplots(figsize=(6, 3.6), layout="constrained")
for number, (name, values) in enumerate(accuracy.items()):
    axis.bar(
        np.arange(2) + 0.35 * number,
        values,
        width=0.33,
        label=name,
        color=("#0072b2", "#e69f00")[number],
    )
axis.axhline(0.5, color="0.4", linewidth=1, linestyle=":", label="chance")
axis.set_xticks(np.arange(2) + 0.17, splits)
axis.set(ylabel="accuracy", ylim=(0, 1.05), yticks=np.linspace(0, 1, 5))
axis.legend(
    frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, fontsize="small"
)
plt.show()
