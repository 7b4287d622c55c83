import numpy as np
import pytest
import torch
from scipy.stats import energy_distance as of_one_column

from sklearn_ann.generative.energy import energy_distance


def test_in_one_dimension_it_is_the_square_of_scipys():
    rng = np.random.default_rng(0)
    x, y, weight = rng.normal(size=40), rng.normal(1.0, 2.0, size=1500), rng.uniform(size=40)  # more than one chunk
    a, b = torch.from_numpy(x)[:, None], torch.from_numpy(y)[:, None]
    assert float(energy_distance(a, b)) == pytest.approx(of_one_column(x, y) ** 2)
    expected = of_one_column(x, y, u_weights=weight) ** 2
    assert float(energy_distance(a, b, torch.from_numpy(weight))) == pytest.approx(expected)


def test_equal_sets_have_no_distance_and_a_weight_of_two_is_a_row_twice():
    x = torch.randn(30, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = x[:10] + 1
    assert float(energy_distance(x, x)) == pytest.approx(0.0, abs=1e-12)
    twice = torch.cat([y, y[:3]])
    weight = torch.ones(10)
    weight[:3] = 2
    assert float(energy_distance(x, y, y_weight=weight)) == pytest.approx(float(energy_distance(x, twice)))
