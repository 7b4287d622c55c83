"""Properties of every estimator: what must not matter, or must be refused with a clear error."""

import functools

import numpy as np
import pandas as pd
import pytest
from discovery import BRIEF, ROWS, data_for, every_estimator, every_estimator_of_rows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.utils import get_tags

from sklearn_ann import CNNClassifier, GCNClassifier
from sklearn_ann.graph import GraphSet

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

N = 40
few = settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
fewer = settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))


@functools.cache
def fitted(estimator):
    X, y = data_for(estimator)
    X, y = X[:N], y[:N]
    return estimator(**BRIEF).fit(X, y), X, y


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


NAMES = st.text(alphabet="abcXYZäß 0", min_size=1, max_size=5).filter(str.strip)  # a label of spaces warns


@every_estimator
@given(index=st.lists(st.integers(0, N - 1), min_size=1, max_size=2 * N))
@few
def test_a_sample_is_predicted_alone_and_among_any_others(estimator, index):
    model, X, _ = fitted(estimator)
    close(model.transform(X[np.array(index)]), model.transform(X)[index])


@every_estimator
@given(labels=st.lists(NAMES, min_size=10, max_size=10, unique=True))
@fewer
def test_names_of_labels_do_not_matter(estimator, labels):
    model, X, y = fitted(estimator)
    if not hasattr(model, "classes_") or not hasattr(model, "predict_proba"):
        return  # no labels
    renamed = np.array(sorted(labels), dtype=object)[: len(model.classes_)][np.searchsorted(model.classes_, y)]
    other = estimator(**BRIEF).fit(X, renamed)
    close(other.predict_proba(X), model.predict_proba(X))
    assert [sorted(labels).index(label) for label in other.predict(X)] == np.searchsorted(
        model.classes_, model.predict(X)
    ).tolist()


# --- Wrappings of the same numbers -----------------------------------------------------------------------------------


def memory_map(X, folder):
    np.save(folder / "X.npy", X)
    return np.load(folder / "X.npy", mmap_mode="r")


def read_only(X, folder):
    X = X.copy()
    X.flags.writeable = False
    return X


def annotated(X, folder):
    anndata = pytest.importorskip("anndata")
    return anndata.AnnData(X.astype(np.float32))


WRAPPINGS = {
    "list": lambda X, _: X.tolist(),
    "tuple of arrays": lambda X, _: tuple(X),
    "frame": lambda X, _: pd.DataFrame(X),
    "Fortran order": lambda X, _: np.asfortranarray(X),
    "big-endian": lambda X, _: X.astype(">f4"),
    "float64": lambda X, _: X.astype(np.float64),
    "objects": lambda X, _: X.astype(object),
    "strided": lambda X, _: np.repeat(X, 2, axis=0)[::2],
    "reversed twice": lambda X, _: X[:, ::-1][:, ::-1],
    "memory map": memory_map,
    "read-only": read_only,
    "nullable": lambda X, _: pd.DataFrame(X).convert_dtypes(),
    "float16 and back": lambda X, _: np.asarray(X, dtype=np.float32),
    "AnnData": annotated,
}
OF_NUMBERS = {"big-endian", "float64", "memory map", "float16 and back", "AnnData"}


@every_estimator_of_rows
@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.filterwarnings("ignore:X has feature names:UserWarning")
@pytest.mark.filterwarnings("ignore:X does not have valid feature names:UserWarning")
def test_the_same_numbers_in_any_wrapping_give_the_same_result(estimator, wrapping, tmp_path):
    model, X, y = fitted(estimator)
    if X.dtype == object and wrapping in OF_NUMBERS:
        return  # categories
    expected = model.transform(X)
    same = WRAPPINGS[wrapping](X, tmp_path)
    other = estimator(**BRIEF).fit(same, y)
    close(np.asarray(other.transform(same)), expected)
    if wrapping != "AnnData":
        close(model.transform(same), expected)


# --- Names -----------------------------------------------------------------------------------------------------------


@every_estimator_of_rows
@given(data=st.data())
@fewer
def test_columns_are_held_by_name(estimator, data):
    _, X, _ = fitted(estimator)
    names = [f"feature {i}" for i in range(X.shape[1])]
    frame = pd.DataFrame(X, columns=names)
    model = fitted_on_frame(estimator)
    order = data.draw(st.permutations(range(X.shape[1])))
    permuted = frame.iloc[:, order]
    if list(order) == sorted(order):
        return
    message = complaint(lambda: close(model.transform(permuted), model.transform(frame)))
    assert message is None or "feature names should match" in message
    with pytest.raises(ValueError, match="feature"):
        model.transform(frame.rename(columns={names[0]: "another"}))


@functools.cache
def fitted_on_frame(estimator):
    _, X, y = fitted(estimator)
    return estimator(**BRIEF).fit(pd.DataFrame(X).add_prefix("feature "), y)


@every_estimator_of_rows
def test_genes_are_held_by_name_in_any_order_and_cells_keep_theirs(estimator):
    anndata = pytest.importorskip("anndata")
    _, X, y = fitted(estimator)
    if X.dtype == object:
        return  # categories, which AnnData does not hold
    cells, genes = pd.Index([f"cell {i}" for i in range(len(X))]), pd.Index([f"gene {i}" for i in range(X.shape[1])])
    adata = anndata.AnnData(X.astype(np.float32), pd.DataFrame(index=cells), pd.DataFrame(index=genes))
    model = estimator(**BRIEF).set_output(transform="pandas").fit(adata, y)
    found = model.transform(adata)
    assert found.index.equals(cells)
    close(model.transform(adata[:, ::-1].copy()).to_numpy(), found.to_numpy())
    with pytest.raises(ValueError, match="gene 0"):
        model.transform(adata[:, 1:].copy())


# --- What is invariant in a domain -----------------------------------------------------------------------------------


@given(data=st.data())
@few
def test_the_order_of_nodes_does_not_matter(data):
    model, graphs, _ = fitted(GCNClassifier)
    graph = graphs[data.draw(st.integers(0, N - 1))]
    order = np.array(data.draw(st.permutations(range(graph.X.shape[0]))))
    permuted = GraphSet.from_list([(graph.X[order], graph.A[order][:, order])])
    close(model.transform(permuted), model.transform(GraphSet.from_list([(graph.X, graph.A)])))


COMPLEMENT = str.maketrans("ACGTRYSWKMBDHVN", "TGCAYRSWMKVHDBN")


@functools.cache
def both_strands():
    rng = np.random.default_rng(0)
    strings = ["".join(rng.choice(list("ACGT"), size=n)) for n in rng.integers(20, 40, 60)]
    return CNNClassifier(reverse_complement="average", alphabet="dna", **BRIEF).fit(strings, np.arange(60) % 2)


@given(string=st.text(alphabet="ACGTRYN", min_size=1, max_size=50))
@few
def test_both_strands_are_one_sample_and_case_is_none(string):
    model = both_strands()
    other = string[::-1].translate(COMPLEMENT)
    np.testing.assert_array_equal(model.predict_proba([string]), model.predict_proba([other]))
    np.testing.assert_array_equal(model.predict_proba([string]), model.predict_proba([string.lower()]))


# --- Bad input -------------------------------------------------------------------------------------------------------

ODD = [
    None, 5, "text", b"bytes", {}, {"a": [1]}, [], [[]], [None], [[None]], [{}], [object()], [[1], [1, 2]], [[1j]],
    [["x", 1]], np.array(3.0), np.zeros((0, 3)), np.zeros((3, 0)), np.zeros((2, 3, 0)),
    np.array([["a", None]], dtype=object),
    np.array([1 + 2j]), np.array(["2020-01-01"], dtype="datetime64[D]"), pd.DataFrame(), pd.Series([], dtype=float),
    pd.DataFrame({"when": pd.to_datetime(["2020-01-01", "2021-01-01"])}), [float("nan")], [[float("inf")]], ["", "A"],
    ["A", 3], np.full((2, 2), 1e39), lambda: None, iter([1]), {1, 2},
]  # fmt: skip


@every_estimator
@pytest.mark.parametrize("number", range(len(ODD)))
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_odd_input_is_refused_by_name_and_at_once(estimator, number):
    """What is raised is a ValueError or a TypeError with a text for people, by a check and not inside of a library."""
    model, *_ = fitted(estimator)
    for call in (lambda: estimator(**BRIEF).fit(ODD[number], [0, 1]), lambda: model.transform(ODD[number])):
        message = complaint(call)
        # What is accepted has a rule: an array of one column, a string in a list.
        assert message is None or len(message) > 15


def complaint(call):
    """The message of a ValueError or TypeError that a check raised; None if nothing was raised."""
    try:
        call()
    except (TypeError, ValueError) as error:
        trace = error.__traceback__
        while trace.tb_next is not None:
            trace = trace.tb_next
        source = trace.tb_frame.f_globals.get("__name__", "")
        if not source.startswith(("sklearn.", "sklearn_ann.")):
            raise
        return str(error)
    return None


def test_only_two_dimensional_estimators_are_tested_as_such():
    assert all(get_tags(estimator()).input_tags.two_d_array for estimator in ROWS)
