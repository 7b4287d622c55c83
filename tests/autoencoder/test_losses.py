"""Errors of reconstructions, and the norm of a Jacobian, by hand and by NumPy."""

import numpy as np
import pytest
import torch

from sklearn_ann.autoencoder.losses import LOSSES, Penalized, penalized_error, squared_error, squared_jacobian_norm

x = torch.tensor([[0.0, 1.0], [1.0, 1.0]], dtype=torch.float64)
OUTPUT = torch.tensor([[3.0, -1.0], [0.0, 1.0]], dtype=torch.float64)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("squared_error", [13.0, 1.0]),
        ("absolute_error", [5.0, 1.0]),
        ("binary_cross_entropy", [np.log1p(np.exp(3)) + np.log1p(np.exp(1)), np.log(2) + np.log1p(np.exp(-1))]),
    ],
)
def test_errors_are_sums_over_the_features_of_a_sample(name, expected):
    np.testing.assert_allclose(LOSSES[name].error(OUTPUT, x), expected)


def test_cross_entropy_is_finite_for_logits_whose_probabilities_round_to_zero_and_one():
    logits = torch.tensor([[-300.0, 300.0]])
    assert LOSSES["binary_cross_entropy"].error(logits, torch.tensor([[1.0, 0.0]])).item() == pytest.approx(600)


def test_the_best_reconstruction_is_where_the_error_is_least():
    for name, loss in LOSSES.items():
        target = torch.full((1, 1), 0.3)
        outputs = torch.linspace(-3, 3, 601)[:, None]
        best = outputs[loss.error(outputs, target.expand_as(outputs)).argmin()]
        assert loss.link()(best).item() == pytest.approx(0.3, abs=0.01), name


def test_a_penalty_is_added_to_the_error():
    penalty = torch.tensor([0.5, 2.0], dtype=torch.float64)
    np.testing.assert_allclose(penalized_error(squared_error, Penalized(OUTPUT, penalty), x), [13.5, 3.0])


def test_the_jacobian_norm_of_a_hidden_layer_is_the_chain_rule():
    rng = np.random.default_rng(0)
    W, V, X = (rng.normal(size=shape) for shape in ((4, 3), (2, 4), (5, 3)))
    x = torch.as_tensor(X).requires_grad_()
    z = torch.tanh(x @ torch.as_tensor(W).T) @ torch.as_tensor(V).T
    slopes = 1 - np.tanh(X @ W.T) ** 2
    expected = [np.square(V @ np.diag(slope) @ W).sum() for slope in slopes]
    np.testing.assert_allclose(squared_jacobian_norm(z, x).detach(), expected)


def test_the_jacobian_norm_can_be_minimised():
    W = torch.tensor([[1.0, 2.0], [0.0, -1.0]], requires_grad=True)
    x = torch.ones(3, 2, requires_grad=True)
    norm = squared_jacobian_norm(x @ W.T, x)
    assert norm.tolist() == [6.0] * 3
    norm.mean().backward()
    torch.testing.assert_close(W.grad, 2 * W.detach())
