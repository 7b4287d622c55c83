"""Weights that are warmed up."""

import pytest

from sklearn_ann.layers import WarmUp


@pytest.mark.parametrize(
    ("share", "max_epochs", "expected"),
    [
        (0.0, 4, [1, 1, 1, 1]),
        (0.5, 8, [0, 0.25, 0.5, 0.75, 1, 1, 1, 1]),
        (1.0, 4, [0, 0.25, 0.5, 0.75]),
        (0.1, 3, [0, 1, 1]),
    ],
)
def test_the_weight_rises_in_its_share_of_the_epochs(share, max_epochs, expected):
    warm_up, weights = WarmUp(share), []
    for epoch in range(max_epochs):
        warm_up.begin_epoch(epoch, max_epochs)
        weights.append(warm_up.weight)
    assert weights == pytest.approx(expected)
