"""The contract of every reader: learn, finish, freeze, then read."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from torch import Tensor

from sklearn_ann.reading import (
    Columns,
    ConditionedReader,
    GridReader,
    Learned,
    LetterReader,
    MixedReader,
    RowReader,
    StandardizedRowReader,
    TableBatch,
    TableReader,
    TextReader,
    columns_of,
)
from sklearn_ann.training import Examples

RNG = np.random.default_rng(0)
NUMBERS = RNG.normal(size=(6, 4)).astype(np.float32)
FRAME = pd.DataFrame(NUMBERS, columns=list("abcd"))
MIXED = FRAME.assign(kind=list("uvuvwu"))
BATCHES = np.array(["one", "two"] * 3)
GRID = {"alphabet": "auto", "unknown": "error", "image_shape": None, "fixed": False}
COMMON = {"owner": "Model", "dtype": torch.float32}


def conditioned(conditions, **common):
    return ConditionedReader(
        conditions=conditions, rows=RowReader(conditions=columns_of(conditions), **common), **common
    )


# Name: class, its settings, samples, y.
CASES = {
    "rows": (RowReader, {}, FRAME, None),
    "sparse": (RowReader, {}, sp.csr_array(NUMBERS), None),
    "images as rows": (RowReader, {"image_shape": (2, 2)}, NUMBERS.reshape(6, 2, 2), None),
    "standardised": (StandardizedRowReader, {}, FRAME, None),
    "table": (TableReader, {"categorical_features": "auto"}, MIXED, None),
    "quantiles": (TableReader, {"categorical_features": ["kind"], "scaling": "quantile"}, MIXED, None),
    "signals": (GridReader, GRID, FRAME, None),
    "ragged signals": (GridReader, GRID, [NUMBERS[i, : i % 3 + 1] for i in range(6)], None),
    "ragged images": (GridReader, GRID | {"sample_type": "image"}, [np.full((2 + i, 3), i) for i in range(6)], None),
    "grids of letters": (GridReader, GRID, ["ACGT", "AC", "G"], None),
    "letters": (LetterReader, {"alphabet": "auto", "unknown": "error"}, ["ACGT", "AC", "G"], None),
    "text": (TextReader, {"k": 2, "min_count": 1}, ["ACGT", "ACC", "GTAC"], None),
    "condition in y": (conditioned, {"conditions": "y"}, NUMBERS, BATCHES),
    "condition in X": (conditioned, {"conditions": ["kind"]}, MIXED, None),
    "mixed": (MixedReader, {}, MIXED, None),
}
every_reader = pytest.mark.parametrize("case", CASES)
on_frames = pytest.mark.parametrize("case", [name for name, (*_, X, _) in CASES.items() if isinstance(X, pd.DataFrame)])


def fitted(case):
    """Return a reader as a fit leaves it, the samples that the fit trains on, and what they were read from."""
    make, settings, X, y = CASES[case]
    reader = make(**COMMON, **settings)
    examples = reader.finish(Examples(reader.learn(X, y)))
    reader.freeze()
    return reader, examples.samples, X, y


def tensors(batch):
    if isinstance(batch, TableBatch):
        batch = batch[:2]  # `own` tells samples of the fit from later ones
    if isinstance(batch, Tensor):
        return [batch]
    return [] if batch is None else [tensor for part in batch for tensor in tensors(part)]


def all_of(samples):
    return tensors(samples[torch.arange(len(samples))])


def parts(learned):
    yield learned
    for value in vars(learned).values():
        if isinstance(value, Learned):
            yield from parts(value)


def assert_equal(left, right):
    assert len(left) == len(right) > 0
    assert all(torch.equal(a, b) for a, b in zip(left, right, strict=True))


@every_reader
def test_samples_of_the_fit_are_read_as_in_the_fit(case):
    reader, samples, X, y = fitted(case)
    assert_equal(all_of(samples), all_of(reader.read(X, y)))


@every_reader
def test_reading_depends_on_the_reader_alone(case):
    reader, samples, X, y = fitted(case)
    before = copy.deepcopy(reader.attributes)
    again = pickle.loads(pickle.dumps(reader))
    few = slice(1, 3)
    if case != "text":  # rows of texts are no samples
        some = again.read(X[few] if not isinstance(X, pd.DataFrame) else X.iloc[few], None if y is None else y[few])
        for tensor, whole in zip(all_of(some), tensors(samples[torch.arange(len(samples))[few]]), strict=True):
            assert torch.equal(tensor, whole)
    assert str(before) == str(reader.attributes)


@every_reader
def test_a_frozen_reader_refuses_changes(case):
    reader, *_ = fitted(case)
    for part in parts(reader):
        with pytest.raises(AttributeError, match=f"{type(part).__name__} is frozen: dtype"):
            part.dtype = torch.float64
        with pytest.raises(AttributeError, match=type(part).__name__):
            part.something_new = 1


@every_reader
def test_a_retyped_reader_leaves_the_old_one_alone(case):
    reader, samples, X, y = fitted(case)
    new = reader.retyped(torch.float64)
    assert {part.dtype for part in parts(new)} == {torch.float64}
    assert {part.dtype for part in parts(reader)} == {torch.float32}
    assert reader.retyped(torch.float32) is reader
    for old, wide, same in zip(all_of(samples), all_of(new.read(X, y)), all_of(reader.read(X, y)), strict=True):
        assert wide.dtype == (torch.float64 if old.is_floating_point() else old.dtype)
        assert torch.equal(old, same)
        torch.testing.assert_close(wide.float(), old.float())
    with pytest.raises(AttributeError):
        new.dtype = torch.float32


@on_frames
def test_columns_of_a_frame_are_held_to_their_names(case):
    reader, _, X, y = fitted(case)
    assert reader.columns.names == list(X.columns)
    assert reader.attributes["feature_names_in_"].tolist() == list(X.columns)
    for other in (X[X.columns[::-1]], X.drop(columns="b"), X.assign(extra=0.0), X.rename(columns={"a": "z"})):
        with pytest.raises(ValueError, match=r"feature names|columns of X|is not a column"):
            reader.read(other, y)


def test_columns_count_and_name_features():
    columns = Columns("Model")
    columns.count(3)
    columns.count(3)
    assert (columns.number, columns.names, columns.name(1), columns.phrase(1)) == (3, None, "column 1", "column 1")
    with pytest.raises(ValueError, match="X has 2 features, but Model is expecting 3 features as input"):
        columns.count(2)
    columns.learn(FRAME)
    assert (columns.number, columns.name(1), columns.phrase(1)) == (4, "b", "column 'b'")
    columns.learn(NUMBERS)
    assert columns.names is None  # those of the frame are forgotten
    with pytest.raises(ValueError, match="X has 2 features, but Model is expecting 4 features as input"):
        columns.read(NUMBERS[:, :2])


@pytest.mark.parametrize(
    "names",
    [[0, 1, 2, 3], [7, 5, 3, 1], [("a", 0), ("a", 1), ("b", 0), ("b", 1)], pd.date_range("2020", periods=4)],
)
def test_columns_whose_names_are_no_strings_may_not_change_their_order(names):
    frame = FRAME.set_axis(pd.Index(names), axis=1)
    columns = Columns("Model")
    columns.learn(frame)
    columns.read(frame)
    columns.read(NUMBERS)
    columns.read(FRAME.set_axis(pd.Index([11, 12, 13, 14]), axis=1))  # of another table: by position
    with pytest.raises(ValueError, match="X has the columns of the fit in another order: column 0 is "):
        columns.read(frame.iloc[:, ::-1])
    assert set(columns.attributes) == {"n_features_in_"}
