"""Python's own values."""

import functools
import math
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
from forging import tripped
from sklearn.utils import Bunch

from sklearn_ann import ModelFileError
from sklearn_ann.base.losses import quantile_error
from sklearn_ann.files.graph import Decoder
from sklearn_ann.files.names import Names
from sklearn_ann.files.saving import KINDS
from sklearn_ann.generative.likelihoods import Bernoulli
from sklearn_ann.reading.mixed import Block

VALUES = [
    None, True, 0, -(2**80), 1.5, -0.0, math.inf, -math.inf, "", "ä\n\ud800", b"\0\xff", [], [1, [2]], (), (1, (2,)),
    {1, "a", None}, frozenset({(1, 2)}), {}, {"a": {"dict": 1}, "ref": 2}, {1: 2, (3, None): [4], 1.5: "x"},
    OrderedDict(b=1, a=2), Bunch(keys=1), range(3, 9, 2), slice(None, 4), Block(0, 3, None, 1), int, np.float64,
    np.log1p, quantile_error, Path("a") / "model.sklann",
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_come_back_with_their_types(value, tmp_path):
    found = tripped(value, tmp_path)
    assert type(found) is type(value)
    assert found == value
    if not isinstance(value, set | frozenset):  # which may print in another order
        assert repr(found) == repr(value)


def test_not_a_number_partials_and_methods(tmp_path):
    assert math.isnan(tripped(math.nan, tmp_path))
    partial = tripped(functools.partial(quantile_error, 0.3), tmp_path)
    assert (partial.func, partial.args, partial.keywords) == (quantile_error, (0.3,), {})
    check = tripped(Bernoulli.check, tmp_path)
    assert check.__self__ is Bernoulli
    assert check.__func__ is Bernoulli.check.__func__


def test_a_path_of_another_kind_is_refused():
    with pytest.raises(ModelFileError, match="value must be a path"):
        Decoder(KINDS, Names(), None).decode({"path": ["a"]}, "value")


def test_methods_and_functions_of_others_are_named(tmp_path):
    for value in ([].append, "".join, open, eval, functools.partial(eval, "1"), lambda: None):
        with pytest.raises(ModelFileError, match=r"which is not among|do not keep"):
            tripped(value, tmp_path)


def test_a_file_of_equal_sets_is_equal(tmp_path):
    one, other = {"a", "b", "c", 1}, {1, "c", "b", "a"}
    assert list(tripped([one], tmp_path)[0]) == list(tripped([other], tmp_path)[0])
