"""
Classify rows of a table with TabularClassifier
===============================================

This example shows what an ensemble in one network adds to the accuracy of probabilities.
:class:`~sklearn_ann.TabularClassifier` trains several members that share their large matrices.
The mean of the members has a smaller log loss than nearly all members, and their disagreement
marks doubtful samples. The data are scikit-learn's handwritten digits, as a table of 64
columns.

Baseline: a random forest.
"""

# %%
# One fit trains all sixteen members.
import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn_ann import TabularClassifier

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.3, random_state=0, stratify=y
)
network = TabularClassifier(n_members=16, random_state=0).fit(X_train, y_train)
single = TabularClassifier(n_members=1, random_state=0).fit(X_train, y_train)
forest = RandomForestClassifier(random_state=0).fit(X_train, y_train)
for name, model in {"16 members": network, "one network": single, "forest": forest}.items():
    loss = log_loss(y_test, model.predict_proba(X_test))
    print(f"{name:12s} accuracy {model.score(X_test, y_test):.3f}, log loss {loss:.3f}")

# %%
# The probabilities of each member come from the torch module, which keeps the members apart.
with torch.no_grad():
    outputs = network.module_.eval().members(
        network.module_input(X_test)
    )  # (member, sample, class)
each = outputs.double().softmax(dim=-1).numpy()
alone = [log_loss(y_test, member) for member in each]
rng = np.random.default_rng(0)
together = [
    np.mean(
        [
            log_loss(y_test, each[rng.permutation(len(each))[:n]].mean(axis=0))
            for _ in range(20)
        ]
    )
    for n in range(1, len(each) + 1)
]

# %%
# Disagreement is the entropy of the mean prediction minus the mean entropy of the members'
# predictions. Disagreement is zero if all members predict the same probabilities.
disagreement = network.uncertainty(X_test).epistemic
wrong = network.predict(X_test) != y_test
order = np.argsort(-disagreement)
tenth = order[: len(order) // 10]
found = wrong[tenth].sum()
print(f"{found} of the {wrong.sum()} errors are in the tenth with the most disagreement")

# %%
# Left: the log loss by the number of members that are averaged. Right: the digits with the
# greatest disagreement.
figure = plt.figure(figsize=(10, 4.6), layout="constrained")
((left, right),) = figure.subfigures(1, 2, squeeze=False, width_ratios=(5, 4))
ax = left.subplots()
ax.plot(range(1, len(each) + 1), together, "o-", color="#0072b2", label="mean of the members")
ax.scatter(np.ones(len(each)), alone, s=12, color="#56b4e9", label="each member alone")
ax.axhline(
    log_loss(y_test, single.predict_proba(X_test)),
    color="#d55e00",
    linestyle="--",
    label="one network",
)
ax.axhline(
    log_loss(y_test, forest.predict_proba(X_test)),
    color="0.5",
    linestyle=":",
    label="random forest",
)
ax.set(xlabel="number of members", ylabel="log loss of new digits", ylim=(0, None))
ax.legend()
for ax, sample in zip(right.subplots(2, 4).ravel(), order[:8], strict=True):
    ax.imshow(X_test[sample].reshape(8, 8), cmap="gray_r")
    votes = np.bincount(each[:, sample].argmax(axis=1), minlength=10)
    said = "\n".join(
        f"{votes[digit]} votes for {digit}" for digit in np.argsort(-votes)[:3] if votes[digit]
    )
    ax.set_title(f"digit {y_test[sample]}", fontsize=10)
    ax.set(xticks=[], yticks=[])
    ax.set_xlabel(said, fontsize=8)
right.suptitle("most disputed digits, and the votes of the members", fontsize=10)
plt.show()
