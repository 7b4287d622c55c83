"""The likelihood of rows of a table."""

import numpy as np
import pytest
import torch
from scipy import stats

from sklearn_ann.generative.likelihoods import moments
from sklearn_ann.generative.mixed import Mixed
from sklearn_ann.reading import Block, Fields
from sklearn_ann.training import Rows

# Two numbers, the second of which may be missing, and a column of three categories.
FIELDS = Fields(2, (Block(2, 4, 1, 1), Block(4, 7, None, None)))
RNG = np.random.RandomState(0)
MISSES, KINDS = RNG.uniform(size=400) < 0.25, RNG.choice(3, 400, p=[0.2, 0.3, 0.5])
X = np.column_stack(
    [3 + 2 * RNG.normal(size=400), np.where(MISSES, 0, RNG.normal(size=400)), np.eye(2)[MISSES.astype(int)],
     np.eye(3)[KINDS]]
)  # fmt: skip


@pytest.fixture
def likelihood():
    return Mixed(moments(Rows(torch.as_tensor(X)), None, of_sums=False), FIELDS)


@torch.no_grad()
def test_the_density_is_normal_times_categorical_and_leaves_out_missing_numbers(likelihood):
    output = torch.as_tensor(RNG.normal(size=(400, 7)))
    sd = likelihood.variance().sqrt().numpy()
    o, scale, location = output.numpy(), X[:, :2].std(axis=0), X[:, :2].mean(axis=0)
    normal = stats.norm.logpdf(X[:, :2], location + scale * o[:, :2], scale * sd)
    expected = normal[:, 0] + np.where(MISSES, 0, normal[:, 1])
    for part in (slice(2, 4), slice(4, 7)):
        logits = o[:, part] + np.log(X[:, part].mean(axis=0))
        expected += (X[:, part] * (logits - np.logaddexp.reduce(logits, axis=1)[:, None])).sum(axis=1)
    np.testing.assert_allclose(likelihood.log_prob(torch.as_tensor(X), output), expected)


@torch.no_grad()
def test_an_output_of_zeros_stands_for_the_marginal_distribution(likelihood):
    drawn = likelihood.draw(torch.zeros((20_000, 7), dtype=torch.float64), np.random.RandomState(0)).numpy()
    np.testing.assert_allclose(drawn.mean(axis=0), X.mean(axis=0), atol=0.05)
    np.testing.assert_allclose(drawn[:, 0].std(), X[:, 0].std(), rtol=0.05)
    assert set(np.unique(drawn[:, 2:])) == {0, 1}
    assert (drawn[:, 4:].sum(axis=1) == 1).all()


@torch.no_grad()
def test_the_mean_has_the_most_probable_categories(likelihood):
    mean = likelihood.mean(torch.zeros((1, 7), dtype=torch.float64)).numpy()[0]
    np.testing.assert_allclose(mean[:2], X[:, :2].mean(axis=0))
    assert mean[2:].tolist() == [1, 0, 0, 0, 1]


@torch.no_grad()
def test_a_constant_number_takes_no_part():
    rows = X.copy()
    rows[:, 0] = 5
    likelihood = Mixed(moments(Rows(torch.as_tensor(rows)), None, of_sums=False), FIELDS)
    first, second = (torch.zeros((400, 7), dtype=torch.float64) for _ in range(2))
    second[:, 0] = 9
    torch.testing.assert_close(
        likelihood.log_prob(torch.as_tensor(rows), first), likelihood.log_prob(torch.as_tensor(rows), second)
    )
    assert (likelihood.draw(second, np.random.RandomState(0))[:, 0] == 5).all()
