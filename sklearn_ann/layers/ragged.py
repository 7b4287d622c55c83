"""Ragged data: samples of different sizes, stored one after the other."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Groups(NamedTuple):
    """An assignment of items to groups; the items of a group are consecutive."""

    members: Tensor  # (n_items,), the group of each item, ascending
    pointers: Tensor  # (n_groups + 1,), the first item of each group, then the number of items

    @classmethod
    def of(cls, lengths: Tensor) -> Groups:
        """Make groups of the given lengths."""
        return cls(torch.repeat_interleave(lengths), torch.cat([lengths.new_zeros(1), lengths.cumsum(0)]))

    @property
    def n_groups(self) -> int:
        """Number of groups, with the empty ones."""
        return len(self.pointers) - 1

    @property
    def lengths(self) -> Tensor:
        """Number of items in each group."""
        return self.pointers.diff()


def ragged_positions(starts: Tensor, index: Tensor) -> tuple[Groups, Tensor]:
    """Return the positions of all items of some samples.

    Parameters
    ----------
    starts : int64 Tensor of shape (n_samples + 1,)
        Sample ``i`` owns the items ``starts[i]`` to ``starts[i + 1] - 1``.
    index : int64 Tensor of shape (batch,)
        Numbers of the samples.

    Returns
    -------
    groups : Groups
        The items of the batch, one group for each sample.
    positions : Tensor of shape (n_items,)
        Position of each item in memory.
    """
    begin = starts.index_select(0, index)  # (batch,)
    groups = Groups.of(starts.index_select(0, index + 1) - begin)
    # The difference between the position in memory and the position in the batch.
    shift = (begin - groups.pointers[:-1]).index_select(0, groups.members)
    return groups, torch.arange(len(groups.members), device=starts.device) + shift


def inside(lengths: Tensor, longest: int) -> Tensor:
    """Return which places of a padded batch belong to a sample, bool of shape (batch, longest)."""
    return torch.arange(longest, device=lengths.device) < lengths[:, None]
