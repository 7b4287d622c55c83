"""Small files of each kind, kept for releases to come; ``python tests/files/release_files.py`` writes them anew."""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

sys.path.insert(0, str(Path(__file__).parents[1]))

import sklearn_ann

FOLDER = Path(__file__).parent / "data"
FORMAT = "format-1"
_ONCE = {"max_epochs": 1, "random_state": 0}


def samples(kind):
    """Samples and targets that no generator of random numbers is needed for: other releases may draw others."""
    numbers = np.cos(np.arange(96).reshape(24, 4) ** 1.5)
    if kind == "rows":
        return numbers, (numbers[:, 0] > 0).astype(int)
    if kind == "strings":
        strings = ["".join("ACGT"[int(value) % 4] for value in (5 + 4 * row).repeat(3)) for row in numbers]
        return np.array(strings, dtype=object), np.array(["no", "yes"])[(numbers[:, 0] > 0).astype(int)]
    if kind == "pairs":
        strings = samples("strings")[0]
        return strings, np.array([string[::-1] for string in strings], dtype=object)
    if kind == "entries":
        return np.argwhere(np.ones((4, 3, 2))), numbers[:, 1]
    if kind == "categories":
        return np.array(list("abcd"))[(np.arange(48) % 4).reshape(24, 2)].astype(object), numbers[:, 0]
    ring = [(np.eye(4)[:, :2], np.roll(np.eye(4), 1, axis=0) + np.roll(np.eye(4), -1, axis=0))] * 23
    path = (np.ones((2, 2)), np.array([[0.0, 1.0], [1.0, 0.0]]))
    return sklearn_ann.GraphSet.from_list([*ring, path]), numbers[:, 2]


MODELS = {
    "table": ("rows", lambda: sklearn_ann.TabularClassifier(hidden_layer_sizes=4, n_members=2, n_pieces=2, **_ONCE)),
    "rows_as_keys": ("rows", lambda: sklearn_ann.AttentionClassifier(attend="rows", n_components=4, **_ONCE)),
    "tokens": ("strings", lambda: sklearn_ann.AttentionClassifier(n_components=8, n_heads=2, n_layers=1, **_ONCE)),
    "autoencoder": ("rows", lambda: sklearn_ann.AutoEncoderTransformer(hidden_layer_sizes=4, **_ONCE)),
    "outliers": ("rows", lambda: sklearn_ann.AutoEncoderOutlierDetector(hidden_layer_sizes=4, n_estimators=2, **_ONCE)),
    "sampler": ("rows", lambda: sklearn_ann.VAESampler(n_components=2, hidden_layer_sizes=4, **_ONCE)),
    "strings": ("strings", lambda: sklearn_ann.CNNClassifier(conv_layers=[(4, 3)], hidden_layer_sizes=4, **_ONCE)),
    "series": ("rows", lambda: sklearn_ann.RNNRegressor(hidden_size=4, conv_layers=(), **_ONCE)),
    "graphs": ("graphs", lambda: sklearn_ann.GCNRegressor(hidden_layer_sizes=4, conv_layer_sizes=4, **_ONCE)),
    "tensor": (
        "entries",
        lambda: sklearn_ann.TensorFactorizationRegressor(embedding_dim=2, hidden_layer_sizes=8, **_ONCE),
    ),
    "categories": ("categories", lambda: sklearn_ann.EntityEmbeddingTransformer(hidden_layer_sizes=4, cv=2, **_ONCE)),
    "words": ("strings", lambda: sklearn_ann.SequenceEmbeddingTransformer(n_components=2, **_ONCE)),
    "translator": ("pairs", lambda: sklearn_ann.SequenceTranslator(n_components=4, n_layers=1, **_ONCE)),
    "pipeline": (
        "rows",
        lambda: make_pipeline(
            StandardScaler(),
            sklearn_ann.AutoEncoderTransformer(hidden_layer_sizes=4, **_ONCE),
            RandomForestClassifier(2, max_depth=2, random_state=0),
        ),
    ),
}  # fmt: skip


def outputs(model, X):
    """What a model says, as JSON."""
    names = [name for name in ("predict_proba", "predict", "transform") if hasattr(model, name)]
    return {name: np.asarray(getattr(model, name)(X)).tolist() for name in names[:1] + names[-1:]}


def main():
    folder = FOLDER / FORMAT
    folder.mkdir(parents=True, exist_ok=True)
    expected = {}
    for name, (kind, make) in MODELS.items():
        X, y = samples(kind)
        model = make().fit(X, y)
        sklearn_ann.save(model, folder / f"{name}.sklann")
        expected[name] = outputs(model, X[:4])
        print(name, (folder / f"{name}.sklann").stat().st_size)
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
