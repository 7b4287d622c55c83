"""Windows on strings of any length: what masked-letter training and prediction read at a time."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from sklearn_ann.reading import LetterSamples
from sklearn_ann.training import Examples, Samples


class WindowBatch(NamedTuple):
    """Windows, padded at the end by arbitrary codes, and the letters of each that are asked for."""

    codes: Tensor  # (batch, length)
    lengths: Tensor  # (batch,)
    first: Tensor  # (batch,), the first letter that is asked for, counted from the begin of the window
    last: Tensor  # (batch,), the letter behind the last one that is asked for


class Windows(Samples):
    """Windows on concatenated sequences; they may overlap.

    Parameters
    ----------
    codes : uint8 Tensor of shape (total_length,)
    starts, lengths : int64 Tensor of shape (n_windows,)
        Where each window starts in `codes`, and how long it is.
    first, last : int64 Tensor of shape (n_windows,)
        The letters that are asked for; see `WindowBatch`.
    """

    def __init__(self, codes: Tensor, starts: Tensor, lengths: Tensor, first: Tensor, last: Tensor) -> None:
        self.codes, self.starts, self.lengths, self.first, self.last = codes, starts, lengths, first, last
        self.extents = None if bool((lengths == lengths[0]).all()) else lengths
        self.device = codes.device
        self.nbytes = codes.nbytes + 4 * starts.nbytes

    def __len__(self) -> int:
        return len(self.starts)

    def to(self, device: torch.device) -> Windows:
        """Return the same windows on `device`."""
        parts = (self.codes, self.starts, self.lengths, self.first, self.last)
        return Windows(*(part.to(device) for part in parts))

    def __getitem__(self, index: Tensor) -> WindowBatch:
        starts, lengths, first, last = (
            part.index_select(0, index) for part in (self.starts, self.lengths, self.first, self.last)
        )
        position = starts[:, None] + torch.arange(int(lengths.max()), device=self.device)
        codes = self.codes.index_select(0, position.clamp(max=len(self.codes) - 1).flatten())
        return WindowBatch(codes.view(position.shape), lengths, first, last)

    def pieces(self, most: int) -> list[Tensor]:
        """Divide the windows, in the order of their lengths, into pieces of at most `most` letters with the padding."""
        order = self.sorted(torch.arange(len(self), device=self.device))
        return list(torch.split(order, max(1, most // int(self.lengths.max()))))


def numbered(counts: Tensor) -> tuple[Tensor, Tensor]:
    """Return, for ``counts[i]`` items of each i, i and the number of the item among those of i, from 0 on."""
    owner = torch.repeat_interleave(counts)
    return owner, torch.arange(len(owner)) - (counts.cumsum(0) - counts).index_select(0, owner)


def windows_to_predict(samples: LetterSamples, size: int) -> tuple[Windows, Tensor]:
    """Cover sequences by windows, each of which is asked for the letters that are nearest to its centre.

    A sequence of at most `size` letters is one window. Windows on a longer one have `size` letters and begin at every
    ``size // 2``-th letter, the last one earlier, so that it ends with the sequence. Where a window begins depends on
    the length of its sequence alone.

    Returns
    -------
    windows : Windows
        In the order of the letters that they are asked for, each of which is asked for once.
    owner : int64 Tensor of shape (n_windows,)
        The sequence of each window.
    """
    lengths, stride = samples.lengths, max(1, size // 2)
    excess = (lengths - size).clamp(min=0)
    counts = 1 + -(-excess // stride)
    owner, number = numbered(counts)
    begin = torch.minimum(number * stride, excess[owner])  # in the sequence
    following = torch.minimum((number + 1) * stride, excess[owner])
    is_last = number == counts[owner] - 1
    # Letters up to half-way between the centres of a window and of the next one are nearer to the former.
    last = torch.where(is_last, lengths[owner], (begin + following + size - 1) // 2 + 1)
    first = torch.where(number == 0, 0, last.roll(1))
    length = lengths[owner].clamp(max=size)
    return Windows(samples.codes, samples.starts[owner] + begin, length, first - begin, last - begin), owner


def windows_of_letters(samples: LetterSamples, size: int) -> Windows:
    """Return one window for each letter, which is asked for this letter alone; see `windows_to_predict`."""
    windows, _ = windows_to_predict(samples, size)
    owner, number = numbered(windows.last - windows.first)
    place = windows.first[owner] + number
    return Windows(samples.codes, windows.starts[owner], windows.lengths[owner], place, place + 1)


def windows_to_learn(samples: LetterSamples, size: int) -> tuple[Windows, Tensor, Tensor]:
    """Cut sequences into overlapping stretches in which training places windows at random.

    A sequence of at most `size` letters is one stretch. A longer one is cut into its first and its last `size` letters
    and stretches of up to ``2 * size`` letters that begin at every `size`-th letter: an epoch, which places one window
    in each, reads every letter about once, and the middle of a window can lie anywhere.

    Returns
    -------
    windows : Windows
    owner : int64 Tensor of shape (n_windows,)
        The sequence of each stretch.
    letters : int64 or float Tensor of shape (n_windows,)
        The letters of the sequence that each stretch stands for; they add up to its length.
    """
    lengths = samples.lengths
    is_long = lengths > size
    counts = torch.where(is_long, 2 + -(-(lengths - size) // size), 1)
    owner, number = numbered(counts)
    length = lengths[owner]
    inner = (number - 2).clamp(min=0) * size
    begin = torch.where(number == 0, 0, torch.where(number == 1, length - size, inner))
    extent = torch.where(number < 2, length.clamp(max=size), torch.minimum(length - inner, torch.tensor(2 * size)))
    windows = Windows(samples.codes, samples.starts[owner] + begin, extent, torch.zeros_like(extent), extent)
    return windows, owner, length / counts[owner]


def examples_of_windows(
    examples: Examples[LetterSamples], size: int, dtype: torch.dtype, n_letters: int, name: str = "X"
) -> Examples[Windows]:
    """Return the stretches of the sequences in `examples`, each weighted by its letters times the sequence's weight.

    Letters whose codes are `n_letters` or more may be several: they are never asked for and do not count. Stretches of
    such letters alone are left out.

    Raises
    ------
    ValueError
        If there are no others; the message calls the sequences `name`.
    """
    windows, owner, weight = windows_to_learn(examples.samples, size)
    known = torch.nn.functional.pad((windows.codes < n_letters).long().cumsum(0), (1, 0))
    n_known = known[windows.starts + windows.lengths] - known[windows.starts]
    weight = weight.double() * (n_known.double() / windows.lengths)
    if examples.weight is not None:
        weight = weight * examples.weight[owner]
    taking_part = n_known > 0
    if examples.rows is not None:
        present = torch.zeros(len(examples.samples), dtype=torch.bool)
        present[examples.rows] = True
        taking_part &= present[owner]
    if not bool(taking_part.any()):
        raise ValueError(
            f"{name} has no letter to learn from: all its letters are ambiguous, such as N, or have the weight 0"
        )
    whole = examples.rows is None and bool(taking_part.all())
    rows = None if whole else taking_part.nonzero()[:, 0]
    weights = weight[taking_part]
    if bool((weights == weights[0]).all()):
        return Examples(windows, rows)
    return Examples(windows, rows, weight=(weight / weights.mean()).to(dtype))
