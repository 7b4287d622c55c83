"""Distributions of scipy."""

import numpy as np
import pytest
from forging import tripped
from scipy import stats

from sklearn_ann import ModelFileError
from sklearn_ann.files.distributions import _NAMES
from sklearn_ann.files.graph import Decoder
from sklearn_ann.files.names import Names
from sklearn_ann.files.saving import KINDS


@pytest.mark.parametrize(
    "value",
    [stats.loguniform(1e-3, 1), stats.uniform(loc=2, scale=3), stats.randint(1, np.int64(9))],
    ids=lambda value: value.dist.name,
)
def test_a_distribution_draws_the_same(value, tmp_path):
    found = tripped(value, tmp_path)
    assert type(found) is type(value)
    np.testing.assert_array_equal(found.rvs(9, random_state=0), value.rvs(9, random_state=0))


def test_the_list_holds_distributions_by_their_own_names():
    assert all(getattr(stats, name).name == name for name in _NAMES)


class Own(stats.rv_continuous):
    """Another distribution by the name of one that is listed."""


def test_others_and_odd_parameters_are_refused(tmp_path):
    for value in (stats.alpha(1.0), Own(name="norm")()):
        with pytest.raises(ModelFileError, match="is the distribution"):
            tripped(value, tmp_path)
    for node, message in [
        ({"distribution": "rv_histogram", "values": [], "keywords": {}}, "names the distribution 'rv_histogram'"),
        ({"distribution": "norm", "values": ["x"], "keywords": {}}, "has the parameter x: expected a finite number"),
        ({"distribution": "norm", "values": [], "keywords": {"loc": {"float": "nan"}}}, "expected a finite number"),
    ]:
        with pytest.raises(ModelFileError, match=message):
            Decoder(KINDS, Names(), None).decode(node, "value")
