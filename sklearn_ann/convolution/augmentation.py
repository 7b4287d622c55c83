"""Changes that leave a sample what it is, drawn anew whenever it is trained on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any

import torch
from sklearn.utils._param_validation import Interval, StrOptions
from torch import Tensor, nn

from sklearn_ann.convolution.samples import GridBatch
from sklearn_ann.layers import Stochastic, places

_FLIPS = {"vertical": (0,), "horizontal": (1,), "both": (0, 1)}


def moved(batch: GridBatch, dimension: int, source: Tensor) -> GridBatch:
    """Put at each place of a dimension what stands at another.

    Parameters
    ----------
    batch : GridBatch
    dimension : int
        0 is the first after the channels.
    source : int64 Tensor of shape (batch, length)
        The other places; from outside of a sample come zeros.
    """
    x, axis = batch.x, 2 + dimension
    place = torch.arange(x.shape[axis], device=x.device)
    end = x.shape[axis] if batch.sizes is None else batch.sizes[:, dimension, None]
    inside = (source >= 0) & (source < end) & (place < end)
    shape = [len(x)] + [1] * (x.ndim - 1)
    shape[axis] = len(place)
    index = source.clamp(0, len(place) - 1).view(shape).expand_as(x)
    return batch._replace(x=x.gather(axis, index) * inside.view(shape))


def mirrored(batch: GridBatch, dimension: int, which: Tensor | None = None) -> GridBatch:
    """Turn samples around along a dimension; of all, or those in `which`, a bool Tensor of shape (batch,)."""
    x = batch.x
    place = torch.arange(x.shape[2 + dimension], device=x.device)
    end = len(place) if batch.sizes is None else batch.sizes[:, dimension, None]
    source = (end - 1 - place).expand(len(x), -1)
    if which is not None:
        source = torch.where(which[:, None], source, place)
    return moved(batch, dimension, source)


def reverse_complement(batch: GridBatch, which: Tensor | None = None) -> GridBatch:
    """The other strands of sequences whose columns are A, C, G and T; of all, or of those in `which`."""
    x = batch.x.flip(1)
    if which is not None:
        x = torch.where(which[:, None, None], x, batch.x)
    return mirrored(batch._replace(x=x), 0, which)


class Augmentation(Stochastic):
    """A random change of the samples of a batch, while training."""

    def forward(self, batch: GridBatch) -> GridBatch:
        """Return a batch of the same shape."""
        return self._changed(batch) if self.training else batch

    def _changed(self, batch: GridBatch) -> GridBatch:
        """Draw, and change."""
        raise NotImplementedError

    def _uniform(self, *shape: int, like: Tensor) -> Tensor:
        """Numbers in [0, 1)."""
        return torch.rand(shape, device=like.device, generator=self.generator)


class Strands(Augmentation):
    """The other strand of every second sequence."""

    def _changed(self, batch: GridBatch) -> GridBatch:
        return reverse_complement(batch, self._uniform(len(batch.x), like=batch.x) < 0.5)


class Shift(Augmentation):
    """Move each sample by up to `most` places in each dimension; zeros come in."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def _changed(self, batch: GridBatch) -> GridBatch:
        for dimension, length in enumerate(batch.x.shape[2:]):
            by = (self._uniform(len(batch.x), 1, like=batch.x) * (2 * self.most + 1)).long() - self.most
            batch = moved(batch, dimension, torch.arange(length, device=batch.x.device) + by)
        return batch


class Flip(Augmentation):
    """Turn every second image around: "vertical", "horizontal", or in either way by itself: "both"."""

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
        noise = torch.empty_like(batch.x).normal_(std=self.scale, generator=self.generator)
        inside = places(batch.sizes, batch.x)
        return batch._replace(x=batch.x + (noise if inside is None else noise * inside[:, None]))


class Mutation(Augmentation):
    """Put, at a share of the places, a letter that is drawn from the same sequence."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def _changed(self, batch: GridBatch) -> GridBatch:
        x = batch.x
        n, _, length = x.shape
        place = torch.arange(length, device=x.device)
        end = length if batch.sizes is None else batch.sizes
        drawn = (self._uniform(n, length, like=x) * end).long()
        return moved(batch, 0, torch.where(self._uniform(n, length, like=x) < self.share, drawn, place))


_TAKES = {
    "shift": Interval(Integral, 1, None, closed="left"),
    "flip": StrOptions(set(_FLIPS)),
    "noise": Interval(Real, 0, None, closed="neither"),
    "mutation": Interval(Real, 0, 1, closed="right"),
}
_LAYERS: dict[str, Callable[[Any], Augmentation]] = {"shift": Shift, "flip": Flip, "noise": Noise, "mutation": Mutation}


def augmentation_layers(value: Any, n_dimensions: int, letters: bool) -> list[nn.Module]:
    """The value of an ``augmentation`` parameter as layers, in the order of its names.

    Raises
    ------
    ValueError
        If `value` is not a mapping of known names to what they take, or names what the samples cannot bear.
    """
    names = {"shift", "mutation" if letters else "noise"} | ({"flip"} if n_dimensions == 2 else set())
    takes = {name: constraint for name, constraint in _TAKES.items() if name in names}
    if not isinstance(value, Mapping) or not all(
        name in takes and takes[name].is_satisfied_by(amount) and not isinstance(amount, bool)
        for name, amount in value.items()
    ):
        known = "; ".join(f"{name!r}: {constraint}" for name, constraint in takes.items())
        raise ValueError(
            f"augmentation={value!r}: expected None or a dict that names, for such samples, some of {known}"
        )
    return [_LAYERS[name](amount) for name, amount in value.items()]
