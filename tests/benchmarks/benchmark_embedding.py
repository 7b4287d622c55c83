"""Skip-gram against gensim's Word2Vec, letters against BLOSUM62, and vectors of categories against other encoders.

    python tests/benchmarks/benchmark_embedding.py [part ...]

Reads ``../shared/data`` beside the checkout. The parts are speed, which needs gensim (``pip install -e ".[bench]"``),
letters and categories. Everything runs on one thread.
"""

from __future__ import annotations

from harness import DATA, row, run_parts  # isort: skip

import time

import numpy as np
import pandas as pd
from Bio.Align import substitution_matrices
from scipy.stats import spearmanr
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler, TargetEncoder

from sklearn_ann import EntityEmbeddingTransformer, SequenceEmbeddingTransformer
from sklearn_ann.preprocessing import read_fasta

SEEDS = 3
LETTERS = "ACDEFGHIKLMNPQRSTVWY"


def peptides(name):
    """Return sequences and classes of one of PeptideReactor's sets, with the letters of amino acids only."""
    folder = DATA / "protein_peptidereactor" / name
    _, sequences = read_fasta(folder / "seqs.fasta.gz")
    sequences = ["".join(c for c in sequence.upper() if c in LETTERS) for sequence in sequences]
    return sequences, np.loadtxt(folder / "classes.txt.gz").astype(int)


def proteins():
    """Return the distinct sequences of the five sets."""
    names = sorted(path.name for path in (DATA / "protein_peptidereactor").iterdir() if path.is_dir())
    return list(dict.fromkeys(s for name in names for s in peptides(name)[0] if len(s) > 5))


def part_speed(epochs=10):
    """3-mers of proteins, with the same settings on both sides: tokens per second, and AUROC of the pooled vectors."""
    from gensim.models import Word2Vec

    sequences = proteins()
    corpus = [[s[i : i + 3] for i in range(len(s) - 2)] for s in sequences]
    n_tokens = sum(map(len, corpus))

    def worth(words, vectors):
        """Return the AUROC of logistic regression on mean vectors, over five folds, for two sets."""
        row_of = {word: row for row, word in enumerate(words)}
        found = []
        for name in ("amp_modlamp", "avp_avppred"):
            strings, y = peptides(name)
            lists = [[row_of[s[i : i + 3]] for i in range(len(s) - 2) if s[i : i + 3] in row_of] for s in strings]
            pooled = np.array([vectors[rows].mean(axis=0) if rows else np.zeros(vectors.shape[1]) for rows in lists])
            model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
            found.append(cross_val_score(model, pooled, y, cv=5, scoring="roc_auc").mean())
        return found

    rates = {"gensim": [], "sklearn_ann": []}
    values = {"gensim": [], "sklearn_ann": []}
    for seed in range(SEEDS):
        peer = Word2Vec(
            vector_size=100, window=5, negative=5, sg=1, sample=0, min_count=1, workers=1, epochs=epochs, seed=seed
        )
        peer.build_vocab(corpus)
        begin = time.perf_counter()
        trained, _ = peer.train(corpus, total_examples=len(corpus), epochs=epochs)
        rates["gensim"].append(epochs * n_tokens / (time.perf_counter() - begin))
        values["gensim"].append(worth(peer.wv.index_to_key, peer.wv.vectors))

        model = SequenceEmbeddingTransformer(
            n_components=100, k=3, window=5, n_negatives=5, subsample=0.0, max_epochs=epochs, tol=0.0,
            n_iter_no_change=epochs, learning_rate_schedule="cosine", device="cpu", random_state=seed,
        )  # fmt: skip
        begin = time.perf_counter()
        model.fit(sequences)  # its time includes the counting of the words, gensim's does not
        rates["sklearn_ann"].append(epochs * n_tokens / (time.perf_counter() - begin))
        values["sklearn_ann"].append(worth(list(model.vocabulary_), model.embeddings_))

        # Both sides did the same work.
        assert len(model.vocabulary_) == len(peer.wv)
        assert trained == epochs * n_tokens == model.n_iter_ * n_tokens
    about = f"{n_tokens:,} tokens, {len(peer.wv):,} different, {epochs} epochs, 100 wide, window 5, 5 negatives"
    row("tokens a second by those of gensim", np.array(rates["sklearn_ann"]) / rates["gensim"], 0.5, beside=about)
    for name, ours, theirs in zip(
        ("amp_modlamp", "avp_avppred"), *(np.transpose(values[k]) for k in ("sklearn_ann", "gensim")), strict=True
    ):
        row(f"{name}, ROC AUC of pooled vectors", ours, beside=f"gensim's vectors {theirs.mean():.3f}")


def part_letters():
    """Spearman's correlation of BLOSUM62 with the distances between vectors of letters, learned from proteins."""
    matrix = substitution_matrices.load("BLOSUM62")
    unlike = -np.array([[matrix[a][b] for b in LETTERS] for a in LETTERS])
    above = np.triu_indices(20, 1)
    sequences = proteins()
    code = {letter: place for place, letter in enumerate(LETTERS)}

    def agreement(rows):
        units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return spearmanr(1 - (units @ units.T)[above], unlike[above]).statistic

    for window in (2, 5):
        values = []
        for seed in range(SEEDS):
            model = SequenceEmbeddingTransformer(window=window, random_state=seed).fit(sequences)
            values.append(agreement(model.embeddings_[[model.vocabulary_[letter] for letter in LETTERS]]))
        counts = np.zeros((20, 20))
        for sequence in sequences:
            codes = np.array([code[letter] for letter in sequence])
            for distance in range(1, window + 1):
                weight = (window - distance + 1) / window
                np.add.at(counts, (codes[distance:], codes[:-distance]), weight)
        counts += counts.T
        information = np.log(counts * counts.sum() / np.outer(counts.sum(0), counts.sum(1)))
        beside = f"the counts themselves, as mutual information: {agreement(information):.3f}"
        row(f"BLOSUM62 and letters, Spearman, window {window}", values, beside=beside)


def part_categories():
    """AUROC of a forest on vectors of categories and on other encodings, in three folds of four simulated tables.

    The columns of a table have 120 categories each, those of "noise" 400, and those of "small product" 12.
    """
    sizes = {"noise": 400, "small product": 12}

    def table(kind, seed):
        rng = np.random.default_rng(seed)
        n, n_categories = 2000, sizes.get(kind, 120)
        a, b = rng.integers(0, n_categories, (2, n))
        x = rng.normal(size=n)
        u, v = rng.normal(size=(2, n_categories, 2))
        product = 2 * (u[a] * v[b]).sum(axis=1) + x
        signal = {"noise": 0 * x, "sum": u[a, 0] + v[b, 0] + x}.get(kind, product)
        X = pd.DataFrame({"a": a.astype(str), "b": b.astype(str), "x": x})
        return X, (signal + 0.5 * rng.normal(size=n) > 0).astype(int)

    def others(encoder):
        return make_column_transformer((encoder, ["a", "b"]), remainder="passthrough")

    encoders = {
        "vectors": lambda seed: EntityEmbeddingTransformer(random_state=seed),
        "TargetEncoder": lambda seed: others(TargetEncoder(random_state=seed)),
        "OrdinalEncoder": lambda _: others(OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)),
        "OneHotEncoder": lambda _: others(OneHotEncoder(handle_unknown="ignore")),
    }
    for kind in ("sum", "product", "small product", "noise"):
        for name, encoder in encoders.items():
            values, begin = [], time.process_time()
            for seed in range(SEEDS):
                X, y = table(kind, seed)
                forest = RandomForestClassifier(min_samples_leaf=3, random_state=seed)
                model = make_pipeline(encoder(seed), forest)
                values.append(cross_val_score(model, X, y, cv=3, scoring="roc_auc").mean())
            seconds = (time.process_time() - begin) / SEEDS
            row(f"{kind} of effects, {name}, ROC AUC", values, beside=f"{seconds:.1f} s")


if __name__ == "__main__":
    run_parts(globals(), __doc__, needless={"categories"})
