"""Masked letters of peptides against Markov chains, and features of few labelled peptides against k-mers.

    python tests/benchmarks/benchmark_masked.py [part ...]

Reads ``../shared/data`` beside the checkout. The parts are perplexity, labels and variants. Everything runs on
one thread.
"""

from __future__ import annotations

from harness import row, run_parts  # isort: skip

import itertools
import time

import numpy as np
from loaders import PEPTIDES, gb1, peptides
from scipy.stats import rankdata, spearmanr
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegressionCV, RidgeCV
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_ann import AttentionClassifier, AttentionRegressor, MaskedSequenceModel

LETTERS = "ACDEFGHIKLMNPQRSTVWY"
NOVEL = "strings of which no eight letters in a row are known"
SEEDS, LABEL_SEEDS, LABELS, MEASURED = range(3), range(5), 100, 400
WAYS = {
    "all layers learn": {},
    "body_learning_rate=0.1": {"body_learning_rate": 0.1},
    "layer_learning_rates=0.5": {"layer_learning_rates": 0.5},
    "freeze='body', unfreeze_every=5": {"freeze": "body", "unfreeze_every": 5},
    "freeze='body'": {"freeze": "body"},
}


class MarkovChain:
    """Letters of which each depends on the `order` letters before it, smoothed by the chains of lower order.

    Counts of a context are joined with ``strength`` counts that are spread as the shorter context says (a Dirichlet
    prior, MacKay and Peto 1995). Order 0 is smoothed by the uniform distribution.
    """

    def __init__(self, order, strength):
        self.order, self.strength = order, strength

    def fit(self, strings):
        begin = len(LETTERS)  # stands before the string
        size = begin + 1
        codes = [self._coded(string) for string in strings]
        self.logs = np.full((1, begin), 1 / begin)
        for order in range(self.order + 1):
            counts = np.zeros((size**order, begin))
            for code in codes:
                np.add.at(counts, (self._contexts(code, order), code[self.order :]), 1)
            # The shorter context is the longer one without its first letter.
            prior = np.tile(self.logs, (len(counts) // len(self.logs), 1))
            self.logs = (counts + self.strength * prior) / (counts.sum(axis=1, keepdims=True) + self.strength)
        self.logs = np.log(self.logs)
        return self

    def _coded(self, string):
        return np.array([len(LETTERS)] * self.order + [LETTERS.index(letter) for letter in string])

    def _contexts(self, code, order):
        """Return the number of the context of each letter."""
        number = np.zeros(len(code) - self.order, dtype=int)
        for back in range(order, 0, -1):
            number = number * (len(LETTERS) + 1) + code[self.order - back : len(code) - back]
        return number

    def chain(self, strings):
        """Return the log-likelihoods of strings, each letter given those before it."""
        codes = [self._coded(string) for string in strings]
        return np.array([self.logs[self._contexts(code, self.order), code[self.order :]].sum() for code in codes])

    def pseudo(self, strings):
        """Return the pseudo-log-likelihoods of strings: each letter given all others, by Bayes' rule."""
        found = []
        for string in strings:
            code, total = self._coded(string), 0.0
            # Every string with one letter replaced by any, as rows.
            n = len(string)
            many = np.tile(code, (n, len(LETTERS), 1))
            many[np.arange(n), :, self.order + np.arange(n)] = np.arange(len(LETTERS))
            numbers = np.zeros((n, len(LETTERS), n), dtype=int)
            for back in range(self.order, 0, -1):
                numbers = numbers * (len(LETTERS) + 1) + many[:, :, self.order - back : many.shape[2] - back]
            joint = self.logs[numbers, many[:, :, self.order :]].sum(axis=2)  # (position, letter)
            total = joint[np.arange(n), code[self.order :]] - np.logaddexp.reduce(joint, axis=1)
            found.append(total.sum())
        return np.array(found)


def chosen_chain(strings, seed):
    """Return the chain of the order and strength that are best on a tenth of the strings, fitted to all of them."""
    part, rest = train_test_split(strings, test_size=0.1, random_state=seed)
    candidates = list(itertools.product((1, 2, 3), (5, 20, 80)))
    values = [MarkovChain(*one).fit(part).pseudo(rest).sum() for one in candidates]
    best = candidates[int(np.argmax(values))]
    return MarkovChain(*best).fit(strings), best


def distinct(names=PEPTIDES):
    """Return the strings of each set that no earlier set has."""
    seen, found = set(), {}
    for name in names:
        found[name] = [s for s in dict.fromkeys(peptides(name)[0]) if s not in seen]
        seen.update(found[name])
    return found


def part_perplexity():
    """Held-out perplexity, a fifth of the strings of each set, after learning from four fifths of all five sets."""
    sets = distinct()
    names = [*sets, "all", NOVEL]
    found = {(name, model): [] for name in names for model in ("ours", "both", "left", "letters")}
    shares, seconds, chosen = {name: [] for name in sets}, [], []
    for seed in SEEDS:
        parts = {name: train_test_split(strings, test_size=0.2, random_state=seed) for name, strings in sets.items()}
        learned = [string for part, _ in parts.values() for string in part]
        rest = [string for _, part in parts.values() for string in part]
        begin = time.perf_counter()
        model = MaskedSequenceModel(random_state=seed, device="cpu").fit(learned)
        seconds.append(time.perf_counter() - begin)
        chain, best = chosen_chain(learned, seed)
        chosen.append(f"order {best[0]}, strength {best[1]}")

        known = {s[i : i + 8] for s in learned for i in range(len(s) - 7)}
        is_novel = np.array([known.isdisjoint(s[i : i + 8] for i in range(len(s) - 7)) for s in rest])
        origin = np.repeat(list(sets), [len(part) for _, part in parts.values()])
        members = {name: origin == name for name in sets} | {"all": is_novel | True, NOVEL: is_novel}
        for name in sets:
            shares[name].append(1 - is_novel[members[name]].mean())
        letters = np.array([len(string) for string in rest])
        scorers = {"ours": model.score_samples, "both": chain.pseudo, "left": chain.chain}
        scorers["letters"] = MarkovChain(0, 20).fit(learned).chain
        for kind, scorer in scorers.items():
            scores = scorer(rest)
            for name in names:
                own = members[name]
                found[name, kind].append(np.exp(-scores[own].sum() / letters[own].sum()))
    for name in names:
        both, left, alone = (np.mean(found[name, kind]) for kind in ("both", "left", "letters"))
        beside = f"Markov chain, both sides {both:.3f}, from the left {left:.3f}; frequencies of letters {alone:.3f}"
        if name in sets:
            beside += f"; {np.mean(shares[name]):.0%} of the strings have eight letters in common with one of training"
        row(f"{name}, perplexity", found[name, "ours"], both, at_least=False, beside=beside)
    row("seconds to learn", seconds, beside="; ".join(chosen))


def candidates(source, X, y, train, test, seed):
    """Return networks that begin from `source`, networks from scratch and classical models, and what each reads.

    Parameters
    ----------
    source : MaskedSequenceModel
    X, y : array
        Strings, and classes or measurements.
    train, test : int array
    seed : int

    Returns
    -------
    dict of str to (estimator, samples)
        The samples are those of `train` and then those of `test`.
    """
    regression, strings = y.dtype.kind == "f", X[np.r_[train, test]]
    features = source.transform(strings)
    counts = CountVectorizer(analyzer="char", ngram_range=(1, 2), lowercase=False).fit(X)  # all 1- and 2-mers
    counts = counts.transform(strings).toarray()
    last = LogisticRegressionCV(Cs=np.logspace(-4, 1, 6), max_iter=2000)
    forest, network = RandomForestClassifier(500, random_state=seed), AttentionClassifier
    if regression:
        last = RidgeCV(np.logspace(-1, 5, 13))
        forest, network = RandomForestRegressor(500, random_state=seed), AttentionRegressor
    linear = make_pipeline(StandardScaler(), last)
    models = {
        "features, linear": (linear, features),
        "k-mers, forest": (forest, counts),
        "k-mers, linear": (linear, counts),
        "k-mers and features, linear": (linear, np.hstack([features, counts])),
    }
    if regression:  # of aligned variants each position is a column
        letters = OneHotEncoder().fit_transform([list(string) for string in strings]).toarray()
        models |= {"positions, forest": (forest, letters), "positions, linear": (linear, letters)}
    how = {"random_state": seed, "device": "cpu"}
    models["from scratch"] = network(**how), strings
    models["from scratch, 2 layers, mean"] = network(n_layers=2, pooling="mean", **how), strings  # as the source
    for name, way in WAYS.items():
        models[f"fine-tuned, {name}"] = network(init_from=FrozenEstimator(source), **way, **how), strings
    return models


def scored(model, samples, y, train, test):
    """Return the area under the ROC curve, or Spearman's correlation, on `test`, and the seconds of the fit."""
    begin = time.perf_counter()
    model.fit(samples[: len(train)], y[train])
    seconds = time.perf_counter() - begin
    if y.dtype.kind == "f":
        return float(spearmanr(y[test], model.predict(samples[len(train) :])).statistic), seconds
    return float(roc_auc_score(y[test], model.predict_proba(samples[len(train) :])[:, 1])), seconds


def compared(source, X, y, train, test, seed):
    """Return score and seconds of each candidate, by its name."""
    models = candidates(source, X, y, train, test, seed)
    return {name: scored(*model, y, train, test) for name, model in models.items()}


def show(what, found):
    """Print scores by model, and the mean rank of each way to fine-tune (1 is best)."""
    for name in found[0]:
        scores, seconds = zip(*(one[name] for one in found), strict=True)
        row(f"{what}, {name}", scores, beside=f"{np.mean(seconds):.1f} s")
    names = [name for name in found[0] if name.startswith("fine-tuned")]
    ranks = rankdata([[-one[name][0] for name in names] for one in found], axis=1).mean(axis=0)
    print("| ranks | | | |", ", ".join(f"{name[12:]} {rank:.1f}" for name, rank in zip(names, ranks, strict=True)), "|")


def labelled(name, seed):
    """Return strings and classes of a set, the positions of 100 labelled strings, and of 400 others."""
    X, y = peptides(name)
    return X, y, *train_test_split(np.arange(len(X)), train_size=LABELS, test_size=400, stratify=y, random_state=seed)


def part_labels():
    """AUROC with 100 labels: fine-tuned and frozen networks of masked-letter training, from scratch, and k-mers.

    One model has seen all peptides of the five sets without their labels, the test strings too; the seeds draw the
    labelled strings.
    """
    strings = [string for part in distinct().values() for string in part]
    begin = time.perf_counter()
    source = MaskedSequenceModel(random_state=0, device="cpu").fit(strings)
    row("peptides, seconds to learn from masked letters", time.perf_counter() - begin)
    for name in ("amp_modlamp", "hem_hemopi"):
        show(f"{name}, {LABELS} labels", [compared(source, *labelled(name, seed), seed) for seed in LABEL_SEEDS])


def variants():
    """Return the four-site variants of GB1 that are for training and for testing, and their fitness.

    Only letters 31 to 60 are kept, which saves time: the rest of the construct is the same in all of them.
    """
    return [(np.array([string[30:60] for string in X], dtype=object), y) for X, y in gb1("sampled")]


def measured(seed):
    """Return variants of GB1, their fitness, the positions of 400 for training, and of the 1,745 test variants."""
    (X, y), (X_test, y_test) = variants()
    chosen = np.random.default_rng(seed).permutation(len(X))[:MEASURED]
    X, y = np.r_[X[chosen], X_test], np.r_[y[chosen], y_test]
    return X, y, np.arange(MEASURED), np.arange(MEASURED, len(X))


def part_variants():
    """Spearman's correlation on the 1,745 test variants of GB1 after 400 measurements, as `part_labels`.

    One model has seen all 8,733 variants without their fitness.
    """
    strings = np.concatenate([X for X, _ in variants()])
    begin = time.perf_counter()
    source = MaskedSequenceModel(max_epochs=8, random_state=0, device="cpu").fit(strings)
    row("GB1, seconds to learn from masked letters", time.perf_counter() - begin)
    show(f"GB1, {MEASURED} labels", [compared(source, *measured(seed), seed) for seed in LABEL_SEEDS])


if __name__ == "__main__":
    run_parts(globals(), __doc__)
