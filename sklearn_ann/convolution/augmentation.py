"""Random changes of the training samples that keep their meaning, drawn anew in each epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any

import torch
from torch import Tensor, nn

from sklearn_ann import layers
from sklearn_ann._sklearn import Interval, StrOptions
from sklearn_ann.layers import Stochastic, normal, places, uniform
from sklearn_ann.reading import GridBatch

_FLIPS = {"vertical": (0,), "horizontal": (1,), "both": (0, 1)}


def moved(batch: GridBatch, dimension: int, source: Tensor) -> GridBatch:
    """Move the values along one dimension.

    Parameters
    ----------
    batch : GridBatch
    dimension : int
        0 is the first dimension after the channels.
    source : int64 Tensor of shape (batch, length)
        The position that each position takes its value from; positions outside the sample give zeros.
    """
    x, axis = batch.x, 2 + dimension
    position = torch.arange(x.shape[axis], device=x.device)
    end = x.shape[axis] if batch.sizes is None else batch.sizes[:, dimension, None]
    inside = (source >= 0) & (source < end) & (position < end)
    shape = [x.shape[0]] + [1] * (x.ndim - 1)
    shape[axis] = x.shape[axis]
    index = source.clamp(0, x.shape[axis] - 1).view(shape).expand_as(x)
    return batch._replace(x=x.gather(axis, index) * inside.view(shape))


def mirrored(batch: GridBatch, dimension: int, which: Tensor | None = None) -> GridBatch:
    """Mirror samples along a dimension: all, or those in `which`, a bool Tensor of shape (batch,)."""
    x = batch.x
    position = torch.arange(x.shape[2 + dimension], device=x.device)
    end = x.shape[2 + dimension] if batch.sizes is None else batch.sizes[:, dimension, None]
    source = (end - 1 - position).expand(x.shape[0], -1)
    if which is not None:
        source = torch.where(which[:, None], source, position)
    return moved(batch, dimension, source)


def reverse_complement(batch: GridBatch, which: Tensor | None = None) -> GridBatch:
    """Replace sequences with the channels A, C, G and T by their other strand: all, or those in `which`."""
    x = batch.x.flip(1)
    if which is not None:
        x = torch.where(which[:, None, None], x, batch.x)
    return mirrored(batch._replace(x=x), 0, which)


class Augmentation(Stochastic):
    """A random change of the samples in a batch, made in training only."""

    def forward(self, batch: GridBatch) -> GridBatch:
        """Return a batch of the same shape."""
        return self._changed(batch) if self.training else batch

    def _changed(self, batch: GridBatch) -> GridBatch:
        """Draw random numbers and change the samples by them."""
        raise NotImplementedError

    def _uniform(self, *shape: int, like: Tensor) -> Tensor:
        """Draw numbers from [0, 1)."""
        return self.drawn(torch.empty(shape, device=like.device), uniform)


class Strands(Augmentation):
    """Replace a sequence by its other strand with probability 1/2."""

    def _changed(self, batch: GridBatch) -> GridBatch:
        return reverse_complement(batch, self._uniform(len(batch.x), like=batch.x) < 0.5)


class Shift(Augmentation):
    """Move each sample by up to `most` positions in each dimension; zeros fill the gap."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def _changed(self, batch: GridBatch) -> GridBatch:
        for dimension, length in enumerate(batch.x.shape[2:]):
            by = (self._uniform(len(batch.x), 1, like=batch.x) * (2 * self.most + 1)).long() - self.most
            batch = moved(batch, dimension, torch.arange(length, device=batch.x.device) + by)
        return batch


class Flip(Augmentation):
    """Mirror an image with probability 1/2: "vertical", "horizontal", or "both", each drawn by itself."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.dimensions = _FLIPS[how]

    def _changed(self, batch: GridBatch) -> GridBatch:
        for dimension in self.dimensions:
            batch = mirrored(batch, dimension, self._uniform(len(batch.x), like=batch.x) < 0.5)
        return batch


class Noise(Augmentation):
    """Add Gaussian noise."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def _changed(self, batch: GridBatch) -> GridBatch:
        noise = self.drawn(batch.x, normal, self.scale)
        inside = places(batch.sizes, batch.x)
        return batch._replace(x=batch.x + (noise if inside is None else noise * inside[:, None]))


class Mutation(Augmentation):
    """Replace a share of the letters by other letters of the same sequence."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.mutation = layers.Mutation(share)

    def _changed(self, batch: GridBatch) -> GridBatch:
        n, _, length = batch.x.shape
        positions = torch.arange(length, device=batch.x.device).expand(n, length)
        return moved(batch, 0, self.mutation(positions, None if batch.sizes is None else batch.sizes[:, 0]))


_TAKES = {
    "shift": Interval(Integral, 1, None, closed="left"),
    "flip": StrOptions(set(_FLIPS)),
    "noise": Interval(Real, 0, None, closed="neither"),
    "mutation": Interval(Real, 0, 1, closed="right"),
}
_LAYERS: dict[str, Callable[[Any], Augmentation]] = {"shift": Shift, "flip": Flip, "noise": Noise, "mutation": Mutation}


def augmentation_layers(value: Any, n_dimensions: int, letters: bool) -> list[nn.Module]:
    """Turn the value of an ``augmentation`` parameter into layers, in the order of its names.

    Raises
    ------
    ValueError
        If `value` is not a mapping, or if it has a name or an amount that does not exist for such samples.
    """
    names = {"shift", "mutation" if letters else "noise"} | ({"flip"} if n_dimensions == 2 else set())
    takes = {name: constraint for name, constraint in _TAKES.items() if name in names}
    if not isinstance(value, Mapping) or not all(
        name in takes and takes[name].is_satisfied_by(amount) and not isinstance(amount, bool)
        for name, amount in value.items()
    ):
        known = "; ".join(f"{name!r}: {constraint}" for name, constraint in takes.items())
        raise ValueError(
            f"augmentation={value!r}: expected None or a dict; for such samples its entries may be {known}"
        )
    return [_LAYERS[name](amount) for name, amount in value.items()]
