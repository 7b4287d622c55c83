"""A weight of a loss term that rises over the first epochs."""

from __future__ import annotations

from typing import ClassVar

from torch import nn


class WarmUp(nn.Module):
    """A weight that rises linearly from 0 to 1 over the first epochs of a training.

    Parameters
    ----------
    share : float in [0, 1]
        Share of the epochs after which the weight is 1; 0 for a weight that is always 1.

    Attributes
    ----------
    weight : float
        The current weight, 1 outside a warm-up. The training of a new network sets it before each epoch and does not
        judge the loss while it is less than 1.
    """

    stacked_numbers: ClassVar[tuple[str, ...]] = ("weight", "share")

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share
        self.weight = 1.0

    def begin_epoch(self, n_done: int, max_epochs: int) -> None:
        """Set the weight for the epoch that follows the first `n_done` of `max_epochs`."""
        self.weight = min(1.0, n_done / (self.share * max_epochs)) if self.share else 1.0
