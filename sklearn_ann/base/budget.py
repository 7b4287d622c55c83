"""How long a network is trained, and in which portions, where that is left to the estimator."""

from __future__ import annotations

import math
from typing import NamedTuple


class Budget(NamedTuple):
    """The length of a training with a known end.

    Small sets need many epochs, because an epoch of them is a few steps. Large sets need few, because each of their
    epochs is many steps, and further ones only learn the samples by heart.

    Attributes
    ----------
    steps : int
        Least number of optimiser steps.
    epochs : int
        Number of epochs, if these are enough steps.
    steps_of_sample : float
        Number of steps for each sample, if these are more than `steps`.
    most_steps : int
        Bound of the steps that follow from the number of samples.
    """

    steps: int
    epochs: int = 1
    steps_of_sample: float = 0.0
    most_steps: int = 0

    def max_epochs(self, n_samples: int, batch_size: int | None) -> int:
        """Return the number of epochs."""
        if batch_size is None or batch_size >= n_samples:  # a sample of weight two and two samples get the same fit
            return max(self.epochs, self.steps)
        n_batches = math.ceil(n_samples / batch_size)
        steps = max(self.steps, min(self.steps_of_sample * n_samples, self.most_steps))
        return max(self.epochs, math.ceil(steps / n_batches))


def reduced_rate(learning_rate: float, n_samples: int) -> float:
    """Return a learning rate for few samples, which are learned by heart by large steps.

    Below a thousand samples it is `learning_rate` times the root of a thousandth of their number.
    """
    return learning_rate * math.sqrt(min(1.0, n_samples / 1000))


LEAST_BATCH, GREATEST_BATCH = 32, 256
"""Bounds of an automatic batch size."""


def automatic_batch_size(n_samples: int) -> int:
    """Return a fiftieth of the samples, from 32 to 256."""
    return min(max(n_samples // 50, LEAST_BATCH), GREATEST_BATCH)
