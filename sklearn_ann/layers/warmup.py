"""A weight that rises over the first epochs of a training."""

from __future__ import annotations

from torch import nn


class WarmUp(nn.Module):
    """A weight that rises from 0 to 1, linearly, over the first epochs of a training.

    Parameters
    ----------
    share : float in [0, 1]
        The part of the epochs after which it is 1; 0 for a weight that is always 1.

    Attributes
    ----------
    weight : float
        1 but in a warm-up: the training of a new network sets it before each epoch, and while it is less than 1
        nothing is concluded from the loss.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share
        self.weight = 1.0

    def begin_epoch(self, n_done: int, max_epochs: int) -> None:
        """Set the weight for the epoch after the `n_done` first of `max_epochs`."""
        self.weight = min(1.0, n_done / (self.share * max_epochs)) if self.share else 1.0
