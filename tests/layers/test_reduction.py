"""Both back ends of the reductions, and the meaning of each."""

import numpy as np
import pytest
import torch

from sklearn_ann.layers import Groups
from sklearn_ann.layers.reduction import Reduction, reduce, resolve_backend, softmax, statistics

MEMBERS = np.array([0, 0, 2, 2, 2, 5])  # 1, 3, 4 and 6 are empty
GROUPS = Groups.of(torch.tensor([2, 0, 3, 0, 0, 1, 0]))
HOW = Reduction.__args__


def values(seed=0):
    return torch.randn(6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed), requires_grad=True)


@pytest.mark.parametrize("how", HOW)
def test_reductions_are_numpys(how):
    x = values()
    got = reduce(x, GROUPS, how).detach().numpy()
    for group in range(7):
        rows = x.detach().numpy()[group == MEMBERS]
        expected = getattr(np, how)(rows, axis=0) if len(rows) else np.zeros(3)
        np.testing.assert_allclose(got[group], expected, rtol=1e-12, atol=1e-12)


def test_softmax_survives_any_size_of_score():
    x = torch.tensor([1000.0, 1001.0, -1e30, 0.0, -torch.inf, 5.0], dtype=torch.float64)
    got = softmax(x, GROUPS)
    torch.testing.assert_close(got[:2], torch.softmax(x[:2], 0))
    torch.testing.assert_close(got[2:], torch.tensor([0.0, 1, 0, 1], dtype=torch.float64))


@pytest.mark.parametrize("how", [*HOW, "softmax"])
def test_gradients(how):
    def function(x):
        return softmax(x[:, 0], GROUPS) if how == "softmax" else reduce(x, GROUPS, how)

    assert torch.autograd.gradcheck(function, (values(),))


def test_a_constant_group_has_a_standard_deviation_with_a_gradient():
    x = torch.ones(6, 2, requires_grad=True)
    out = reduce(x, GROUPS, "std")
    out.sum().backward()
    assert (out == 0).all()
    assert x.grad.isfinite().all()


def test_statistics_stand_side_by_side_in_the_order_asked_for():
    x = values()
    for hows in (HOW, HOW[::-1]):
        torch.testing.assert_close(statistics(x, GROUPS, hows), torch.cat([reduce(x, GROUPS, how) for how in hows], 1))


def test_ties_share_the_gradient_of_an_extreme():
    x = torch.tensor([[3.0], [3.0], [1.0], [2.0], [0.0], [5.0]], requires_grad=True)
    reduce(x, GROUPS, "max").sum().backward()
    assert x.grad.flatten().tolist() == [0.5, 0.5, 0, 1, 0, 1]


def test_a_missing_back_end_names_the_extra(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "torch_scatter", None)
    with pytest.raises(ImportError, match=r"reduction='torch-scatter' needs .*sklearn-ann-architectures\[scatter\]"):
        resolve_backend("torch-scatter")
    assert resolve_backend("auto") == resolve_backend("torch") == "torch"


@pytest.mark.scatter
@pytest.mark.parametrize("how", [*HOW, "softmax"])
def test_torch_scatter_gives_the_same_values_and_gradients(how):
    pytest.importorskip("torch_scatter", reason="the extra scatter is not installed: make test-scatter installs it")
    results = []
    for backend in ("torch", "torch-scatter"):
        x = values()
        out = softmax(x[:, 0], GROUPS, backend) if how == "softmax" else reduce(x, GROUPS, how, backend)
        weight = torch.arange(out.numel(), dtype=torch.float64).reshape(out.shape)
        results.append((out.detach(), torch.autograd.grad((out * weight).sum(), x)[0]))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.scatter
@pytest.mark.parametrize("how", ["max", "min"])
def test_torch_scatter_treats_infinities_alike(how):
    pytest.importorskip("torch_scatter", reason="the extra scatter is not installed: make test-scatter installs it")
    x = torch.tensor([[1.0], [torch.inf], [-torch.inf], [0.0], [2.0], [-torch.inf]])
    one, other = (reduce(x, GROUPS, how, backend) for backend in ("torch", "torch-scatter"))
    assert torch.equal(one, other)
