"""Arrays, tensors, frames and generators of random numbers."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from forging import tripped
from torch import nn

from sklearn_ann import ModelFileError
from sklearn_ann.files.graph import Decoder
from sklearn_ann.files.names import Names
from sklearn_ann.files.saving import KINDS
from sklearn_ann.reading.mixed import MixedReader
from sklearn_ann.training import Examples

ARRAYS = [
    np.arange(6.0).reshape(2, 3),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.arange(24.0).reshape(2, 3, 4).T,
    np.arange(10)[::-2],
    np.array(3.5),
    np.array([], dtype=np.float32),
    np.array([[True, False]]),
    np.arange(3, dtype=">i4"),
    np.arange(3, dtype=np.float16),
    np.arange(3, dtype=np.uint64),
    np.array([1 + 2j, np.nan]),
    np.array(["2020-01-01", "NaT"], dtype="M8[D]"),
    np.array([1, 2], dtype="m8[s]"),
    np.array([b"a", b"\0b"]),
    np.array([["ä", "bc"], ["", "\U0010ffff"]]),
    np.array("x"),
    np.array([None, "a", 1.5, [1], (2,)], dtype=object),
    np.array([(1, 2.5), (3, 4.5)], dtype=[("a", "i4"), ("b", "f8")]),
    np.array([(1, 2.5)], dtype=np.dtype([("a", "u1"), ("b", "f8")], align=True)),
]


@pytest.mark.parametrize("value", ARRAYS, ids=lambda value: f"{value.dtype.str}{value.shape}")
def test_arrays_come_back_bit_equal_in_the_same_order(value, tmp_path):
    found = tripped(value, tmp_path)
    assert type(found) is np.ndarray
    assert found.dtype == value.dtype
    assert found.shape == value.shape
    if value.dtype == object or value.dtype.names:  # addresses; padding of any bytes
        assert found.tolist() == value.tolist()
    else:
        assert found.tobytes() == value.tobytes()
    assert found.flags.f_contiguous == value.flags.f_contiguous or not value.flags.forc
    assert found.flags.writeable


def test_arrays_that_may_not_change_still_may_not(tmp_path):
    for value in (np.arange(3.0), np.array(["a"]), np.array([None])):
        value.flags.writeable = False
        assert not tripped(value, tmp_path).flags.writeable


def test_many_strings_are_a_tensor(tmp_path):
    value = np.array([f"{number:010d}" for number in range(110_000)])
    assert (tripped(value, tmp_path) == value).all()
    assert (tmp_path / "tensors").stat().st_size > value.nbytes


@pytest.mark.parametrize(
    "value",
    [np.float64(1.5), np.float32("nan"), np.int8(-3), np.uint64(2**63), np.bool_(True), np.str_("ä"), np.complex64(1j),
     np.datetime64("2020-01-01", "s"), np.float16(0.1), np.bytes_(b"x")],
    ids=repr,
)  # fmt: skip
def test_scalars(value, tmp_path):
    found = tripped(value, tmp_path)
    assert type(found) is type(value)
    assert repr(found) == repr(value)


def test_tensors_parameters_and_their_types(tmp_path):
    value = [
        torch.arange(3), torch.zeros(2, 3).T, torch.tensor([1.5], dtype=torch.bfloat16), nn.Parameter(torch.ones(2)),
        nn.Parameter(torch.ones(2), requires_grad=False), torch.float64, torch.device("cpu"), np.dtype("<U3"),
    ]  # fmt: skip
    found = tripped(value, tmp_path)
    for one, other in zip(value, found, strict=True):
        assert type(one) is type(other)
        if isinstance(one, torch.Tensor):
            assert torch.equal(one, other)
            assert (one.dtype, one.stride(), one.requires_grad) == (other.dtype, other.stride(), other.requires_grad)
        else:
            assert one == other


@pytest.mark.parametrize(
    "value", [torch.eye(2).to_sparse(), torch.ones(2) * 1j, np.longdouble(1), np.ones(1, "g")], ids=repr
)
def test_numbers_that_files_do_not_keep(value, tmp_path):
    with pytest.raises(ModelFileError, match="files do not keep"):
        tripped(value, tmp_path)


@pytest.mark.parametrize("kind", [sp.csr_array, sp.csc_matrix], ids=lambda kind: kind.__name__)
def test_sparse_matrices(kind, tmp_path):
    value = kind(sp.random_array((5, 4), density=0.5, random_state=np.random.default_rng(0)))
    found = tripped(value, tmp_path)
    assert type(found) is kind
    assert (found != value).nnz == 0


def test_a_sparse_matrix_does_not_lead_out_of_itself(tmp_path):
    value = sp.csr_array(np.eye(3))
    value.indices[1] = 10**6
    with pytest.raises(ValueError, match=r"indices|index"):
        tripped(value, tmp_path)


def test_masked_arrays(tmp_path):
    value = np.ma.array([1.0, 2.0], mask=[False, True])
    found = tripped(value, tmp_path)
    assert found.mask.tolist() == [False, True]
    assert found[0] == 1.0


FRAME = pd.DataFrame(
    {
        "n": [1, 2], 3: [1.5, np.nan], "c": pd.Categorical(["u", None], categories=["v", "u"], ordered=True),
        "s": ["x", None], "i": pd.array([1, None], dtype="Int64"), "b": [True, False],
        "t": pd.to_datetime(["2020-01-01", None]),
        "z": pd.to_datetime(["2020-01-01", None]).tz_localize("Europe/Berlin"),
    }
)  # fmt: skip


@pytest.mark.parametrize(
    "frame",
    [
        FRAME,
        FRAME[:0],
        FRAME.set_index(pd.Index(["p", "q"], name="of rows")),
        FRAME.set_index(pd.RangeIndex(1, 5, 2)),
        FRAME.rename_axis(columns="of columns"),
    ],
    ids=["two", "none", "names", "steps", "title"],
)
def test_frames(frame, tmp_path):
    pd.testing.assert_frame_equal(tripped(frame, tmp_path), frame, check_index_type=len(frame) > 0, check_freq=False)


@pytest.mark.parametrize(
    "index", [pd.CategoricalIndex(["p", "q"]), pd.MultiIndex.from_tuples([(1, 2), (1, 3)])], ids=["kinds", "levels"]
)
def test_frames_whose_index_would_change_are_refused(index, tmp_path):
    with pytest.raises(ModelFileError, match=rf"a {type(index).__name__} of .*, which files do not keep"):
        tripped(FRAME.set_index(index), tmp_path)
    with pytest.raises(ModelFileError, match="which files do not keep"):
        tripped(pd.DataFrame(np.eye(2), columns=index), tmp_path)


def test_a_reader_of_tables_keeps_its_template(tmp_path):
    frame = pd.DataFrame({"x": np.arange(8.0), "c": pd.Categorical(list("abab") * 2)})
    reader = MixedReader(owner="VAESampler", dtype=torch.float32)
    samples = reader.finish(Examples(reader.learn(frame))).samples
    reader.freeze()
    again = tripped(reader, tmp_path)
    assert type(again._template) is pd.DataFrame
    assert torch.equal(again.read(frame).values, samples.values)
    numbers, codes = samples.values[:, : reader.fields.n_numbers].numpy(), reader.fields.codes(samples.values).numpy()
    pd.testing.assert_frame_equal(again.table(numbers, codes), reader.table(numbers, codes))


def test_generators_go_on_where_they_were(tmp_path):
    legacy = np.random.RandomState(3)
    legacy.normal(size=3)
    generator = np.random.default_rng(3)
    of_torch = torch.Generator().manual_seed(3)
    found = tripped([legacy, generator, of_torch], tmp_path)
    assert found[0].normal() == legacy.normal()
    assert found[1].normal() == generator.normal()
    assert torch.rand(1, generator=found[2]) == torch.rand(1, generator=of_torch)


@pytest.mark.parametrize(
    ("node", "match"),
    [
        ({"objects": [1, 2], "shape": [10**9]}, "but 2 values"),
        ({"objects": [1], "shape": [-1, -1]}, "but 1 values"),
        ({"strings": ["a"] * 2, "shape": [2], "dtype": "<U9999999"}, "so many are kept as a tensor"),
        ({"strings": ["a"], "shape": [1], "dtype": "O"}, "strings of a type"),
        ({"scalar": "1", "dtype": "<f8"}, "a number or a string"),
        ({"scalar": 1, "dtype": "O,O"}, "names the type"),
        ({"numpy.dtype": "f8,f8"}, "names the type"),
        ({"torch.dtype": "torch.load"}, "names the type"),
        ({"torch.device": "meta"}, "names the device"),
        ({"sparse": "coo_array", "shape": [1, 1], "parts": {}}, "has the format"),
        ({"random": "legacy", "state": {"dict": {"bit_generator": "os"}}}, "names the generator"),
        ({"frame": ["a"], "columns": [["object.__class__", 1]], "index": 1}, "has a column of the type"),
        ({"frame": ["a"], "columns": [], "index": 10**12}, "1 names for 0 columns"),
        ({"frame": [], "columns": [], "index": 10**12}, "rows, which its columns do not have"),
    ],
    ids=str,
)
def test_nodes_that_no_value_makes(node, match):
    with pytest.raises(ModelFileError, match=match):
        Decoder(KINDS, Names(), arrays=None).decode(node, "value")
