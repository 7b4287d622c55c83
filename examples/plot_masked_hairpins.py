"""
Score mutations of an RNA family with MaskedSequenceModel
=========================================================

This example shows how to predict which mutations a family of sequences tolerates, without any
label. Related RNAs share a structure, not their letters: where a stem pairs two letters, a
mutation of one letter is tolerated if the other letter mutates too.
:class:`~sklearn_ann.MaskedSequenceModel` learns to predict masked letters of the family and
finds the pairs.

Baseline: a profile, which counts the letters at each position and cannot find pairs.
"""

# %%
# The data: hairpins of 16 letters with six pairs. Each letter can be the first of a pair, and
# one pair in twenty is broken. The loop prefers ``GAAA``.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import roc_auc_score
from sklearn_ann import MaskedSequenceModel

LETTERS, PARTNER = "ACGU", dict(zip("ACGU", "UGCA", strict=True))
rng = np.random.default_rng(0)


def hairpin() -> str:
    """Draw a hairpin."""
    left = rng.choice(list(LETTERS), size=6)
    right = [
        PARTNER[letter] if rng.uniform() > 0.05 else rng.choice(list(LETTERS))
        for letter in left[::-1]
    ]
    loop = [letter if rng.uniform() > 0.2 else rng.choice(list(LETTERS)) for letter in "GAAA"]
    return "".join([*left, *loop, *right])


family, new = ([hairpin() for _ in range(n)] for n in (800, 50))

# %%
# The model is trained on the family, without labels. Perplexity is the number of letters among
# which the model chooses, on average, at a masked position; four letters at random have a
# perplexity of 4.
model = MaskedSequenceModel(
    alphabet="rna", k=1, position="learned", max_epochs=40, random_state=0
).fit(family)


def as_codes(strings: list[str]) -> np.ndarray:
    """Return the letters as numbers, shape (n_strings, length)."""
    return np.array([[LETTERS.index(letter) for letter in string] for string in strings])


counts = (as_codes(family)[:, :, None] == np.arange(4)).sum(axis=0) + 1.0
profile = np.log(counts / counts.sum(axis=1, keepdims=True))  # (position, letter)


def profile_score(strings: list[str]) -> np.ndarray:
    """Return the log-likelihood under the profile."""
    scores: np.ndarray = profile[np.arange(16), as_codes(strings)].sum(axis=1)
    return scores


print(f"perplexity on new hairpins: masked letters {model.perplexity(new):.2f}, ", end="")
print(f"profile {np.exp(-profile_score(new).mean() / 16):.2f}")

# %%
# Mutations that keep a pair are compared with mutations that break a pair. Both change one
# letter of the second pair; the former change its partner too.
NEXT = dict(zip("ACGU", "CGUA", strict=True))
broken = [s[0] + NEXT[s[1]] + s[2:] for s in new]
kept = [s[:14] + PARTNER[s[1]] + s[15:] for s in broken]
kinds = np.repeat([0, 1], len(new))
for name, score in (("masked letters", model.score_samples), ("profile", profile_score)):
    change = score(broken + kept) - np.tile(score(new), 2)
    print(f"{name}: AUROC of kept against broken pairs {roc_auc_score(kinds, change):.2f}")

# %%
# Left: the effects of all single mutations of one hairpin. Right: how much the mutation of one
# letter changes the predicted probabilities at all other positions. The pairs are the
# antidiagonal.
wild = "GGCAUC" + "GAAA" + "GAUGCC"
effects = model.variant_effects([wild])[0]
moved = np.zeros((16, 16))
before = model.predict_proba([wild] * 16, range(16))
for place in range(16):
    for letter in LETTERS.replace(wild[place], ""):
        changed = wild[:place] + letter + wild[place + 1 :]
        after = model.predict_proba([changed] * 16, range(16))
        moved[place] += (
            np.abs(before - after).sum(axis=1) / 6
        )  # 0 to 1; the changed letter itself is masked

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
image = left.imshow(effects.T, cmap="RdBu_r", vmin=-6, vmax=6, aspect="auto")
left.set(xticks=range(16), xticklabels=list(wild), yticks=range(4), yticklabels=list(LETTERS))
left.set(title="effect of each mutation", xlabel="position", ylabel="new letter")
figure.colorbar(image, ax=left, label="log-odds of the new letter")
image = right.imshow(moved, cmap="Greys", vmin=0, vmax=1)
right.set(xticks=range(16), xticklabels=list(wild), yticks=range(16), yticklabels=list(wild))
right.set(
    title="pairs of positions",
    xlabel="masked position",
    ylabel="changed position",
)
figure.colorbar(image, ax=right, label="change of the probabilities")
plt.show()
