"""Samples of a foreign network: a callable or a transformer turns each into a tensor; samples may differ in shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
import torch
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from sklearn_ann.reading.columns import is_frame, readable
from sklearn_ann.reading.kinds import unpacked
from sklearn_ann.reading.reader import Reader
from sklearn_ann.training import Samples, as_tensor


class ShapeGroups(NamedTuple):
    """A batch: samples of one shape are one tensor, so that none is padded."""

    groups: tuple[Tensor, ...]  # each (n_of_this_shape, *shape)
    places: tuple[Tensor, ...]  # int64, the places of the samples of each group in the batch


class ForeignSamples(Samples):
    """Samples as tensors.

    Parameters
    ----------
    shapes : list of Tensor
        One tensor for each shape that occurs, (n_of_this_shape, *shape).
    group, row : int64 Tensors of shape (n_samples,)
        Where a sample is.
    """

    def __init__(self, shapes: list[Tensor], group: Tensor, row: Tensor) -> None:
        self.shapes, self.group, self.row = shapes, group, row
        self.device = group.device
        self.nbytes = sum(tensor.nbytes for tensor in shapes)
        sizes = torch.tensor([tensor[0].numel() for tensor in shapes], device=self.device)
        self.extents = None if len(shapes) == 1 else sizes.index_select(0, group)

    def __len__(self) -> int:
        return len(self.group)

    def __getitem__(self, index: Tensor) -> ShapeGroups:
        if len(self.shapes) == 1:
            return ShapeGroups(
                (self.shapes[0].index_select(0, self.row.index_select(0, index)),),
                (torch.arange(len(index), device=self.device),),
            )
        group, row = self.group.index_select(0, index), self.row.index_select(0, index)
        places = [(group == number).nonzero()[:, 0] for number in group.unique().tolist()]
        found = [self.shapes[int(group[place[0]])].index_select(0, row.index_select(0, place)) for place in places]
        return ShapeGroups(tuple(found), tuple(places))

    def one(self, number: int) -> ForeignSamples:
        """Return a single sample."""
        return ForeignSamples(self.shapes, self.group[number : number + 1], self.row[number : number + 1])

    def to(self, device: torch.device) -> ForeignSamples:
        """Return the same samples on `device`."""
        return ForeignSamples([tensor.to(device) for tensor in self.shapes], self.group.to(device), self.row.to(device))


class ForeignReader(Reader[ForeignSamples]):
    """Reads samples for a network that was not made here.

    Parameters
    ----------
    preprocess : None, fitted transformer or callable
        None takes X as numbers. A transformer is called with all of X. A callable is called with each sample and
        returns an array or a tensor.
    """

    def __init__(self, *, owner: str, dtype: torch.dtype, preprocess: Any) -> None:
        super().__init__(owner=owner, dtype=dtype)
        self.preprocess = preprocess
        if hasattr(preprocess, "transform"):
            try:
                check_is_fitted(preprocess)
            except NotFittedError as error:
                raise ValueError(
                    f"preprocess is a {type(preprocess).__name__} that is not fitted: give "
                    "FrozenEstimator(fitted transformer), of sklearn.frozen, which clone leaves as it is"
                ) from error
        elif preprocess is not None and not callable(preprocess):
            raise TypeError(f"preprocess is a {type(preprocess).__name__}: expected a callable or a transformer")

    def learn(self, X: Any, y: Any = None) -> ForeignSamples:
        """Learn the number and the names of the features, where X is a table of numbers."""
        if self._is_table(X):
            self.columns.learn(X, dtype=self.numpy_dtype, accept_sparse=True)
        return self._read(X)

    def read(self, X: Any, y: Any = None) -> ForeignSamples:
        """Return the samples as tensors."""
        if self.columns.attributes_ and self._is_table(X):
            self.columns.read(X, dtype=self.numpy_dtype, accept_sparse=True)
        return self._read(X)

    def _is_table(self, X: Any) -> bool:
        return self.preprocess is None and (is_frame(X) or getattr(X, "ndim", 0) == 2)

    def _read(self, X: Any) -> ForeignSamples:
        if hasattr(self.preprocess, "transform"):
            samples = self.preprocess.transform(X)
        elif self.preprocess is None:
            samples = readable(X)
            samples = samples.to_numpy() if is_frame(samples) else samples
        else:
            samples = [self._preprocessed(sample, index) for index, sample in enumerate(_entries(X))]
        if sp.issparse(samples):
            samples = samples.toarray()
        if isinstance(samples, np.ndarray) and samples.dtype != object:
            return self._joined([self._tensor(samples, None)], [len(samples)])
        tensors = [self._tensor(sample, index) for index, sample in enumerate(samples)]
        if not tensors:
            raise ValueError(f"X has 0 samples, while a minimum of 1 is required by {self.owner}")
        return self._grouped(tensors)

    def _preprocessed(self, sample: Any, index: int) -> Any:
        try:
            return self.preprocess(sample)
        except Exception as error:  # whatever a callable of the user raises
            raise ValueError(f"preprocess raises {type(error).__name__} for sample {index}: {error}") from error

    def _tensor(self, sample: Any, index: int | None) -> Tensor:
        """Return codes as int64 and other numbers in the type of the reader."""
        name = "X" if index is None else f"sample {index}"
        if isinstance(sample, Tensor):
            tensor = sample.detach().cpu()
        else:
            try:
                array = np.asarray(sample)
            except ValueError as error:  # lists of different lengths
                raise ValueError(f"{name} is no array: {error}") from error
            if array.dtype.kind not in "biuf":
                hint = "; preprocess turns samples into numbers" if self.preprocess is None else " from preprocess"
                raise TypeError(f"{name} is of type {array.dtype}: expected numbers{hint}")
            tensor = as_tensor(np.ascontiguousarray(array))
        if tensor.is_complex():
            raise TypeError(f"{name} is of {tensor.dtype}: expected real numbers")
        if tensor.numel() == 0:
            shape = f", of shape {tuple(tensor.shape)}" if index is None else ""
            raise ValueError(f"{name} is empty{shape}: expected one sample at least, with one number at least")
        if tensor.is_floating_point() or tensor.dtype == torch.bool:
            tensor = tensor.to(self.dtype)
            fine = tensor.isfinite()
            if not bool(fine.all()):
                first = int(fine.reshape(len(fine), -1).all(dim=1).int().argmin()) if index is None else index
                raise ValueError(f"Input X contains NaN or infinity, in sample {first}")
            return tensor
        return tensor.to(torch.int64)

    def _grouped(self, tensors: Sequence[Tensor]) -> ForeignSamples:
        kinds: dict[Any, list[int]] = {}
        for index, tensor in enumerate(tensors):
            if tensor.dtype != tensors[0].dtype or tensor.ndim != tensors[0].ndim:
                raise ValueError(
                    f"sample {index} is of {tensor.ndim} dimensions and {tensor.dtype}, but sample 0 of "
                    f"{tensors[0].ndim} and {tensors[0].dtype}"
                )
            kinds.setdefault(tuple(tensor.shape), []).append(index)
        order = [index for members in kinds.values() for index in members]
        shapes = [torch.stack([tensors[index] for index in members]) for members in kinds.values()]
        return self._joined(shapes, [len(members) for members in kinds.values()], order)

    @staticmethod
    def _joined(shapes: list[Tensor], sizes: list[int], order: list[int] | None = None) -> ForeignSamples:
        """Join the samples of each shape, which are at the places `order` in X."""
        group = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
        row = torch.cat([torch.arange(size) for size in sizes])
        if order is not None:
            back = torch.tensor(order).argsort()
            group, row = group[back], row[back]
        return ForeignSamples(shapes, group, row)


def _entries(X: Any) -> Any:
    """Return the samples in X one by one: those of a list, an array, a series or a frame of one column."""
    if is_frame(X):
        if X.shape[1] != 1:
            raise ValueError(f"X is a frame of shape {X.shape}, but preprocess reads one value: expected one column")
        return list(X.to_numpy()[:, 0])
    samples, _ = unpacked(X)
    return samples
