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
    epochs : int
        Number of epochs, if these are enough steps.
    steps : int
        Least number of optimiser steps.
    """

    epochs: int
    steps: int

    def max_epochs(self, n_samples: int, batch_size: int | None) -> int:
        """Return the number of epochs."""
        n_batches = 1 if batch_size is None else math.ceil(n_samples / batch_size)
        return max(self.epochs, math.ceil(self.steps / n_batches))


def automatic_batch_size(n_samples: int) -> int:
    """Return a fiftieth of the samples, from 32 to 256, rounded to a power of two."""
    return int(2 ** round(math.log2(min(max(n_samples / 50, 32), 256))))
