"""Random replacements of letters in sequences."""

from __future__ import annotations

import torch
from torch import Tensor

from sklearn_ann.layers.stochastic import Stochastic, uniform


class Mutation(Stochastic):
    """Draw, for a share of the positions in a sequence, a random position of the sequence to copy the letter from.

    Parameters
    ----------
    share : float in [0, 1]
        Probability of a replacement at each position.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, positions: Tensor, lengths: Tensor | None) -> Tensor:
        """Return the position that each letter comes from.

        Parameters
        ----------
        positions : int64 Tensor of shape (batch, length)
            The positions themselves, 0 to length - 1 in each row.
        lengths : int64 Tensor of shape (batch,) or None
            Length of each sequence; None if there is no padding.
        """
        if not self.training or self.share == 0.0:
            return positions
        shape = (2, *positions.shape)
        empty = torch.empty(shape, dtype=torch.float32, device=positions.device)
        chance, position = self.drawn(empty, uniform, axis=1)
        length = positions.shape[1] if lengths is None else lengths[:, None]
        return torch.where(chance < self.share, (position * length).long(), positions)
