"""The examples of several trainings side by side, and their batches."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from sklearn_ann.training.data import Examples


class Cut(NamedTuple):
    """The batches of all members that are learned from at once."""

    samples: Tensor  # (members, batch), their positions
    sizes: list[int] | None  # samples of each member; beyond them, a row only fills its batch up; None if all are equal


class Source:
    """The examples of all members, of which those that are the same are kept once.

    Parameters
    ----------
    examples : sequence of Examples
        Of the same kind, and cut into equally many batches.
    batch_size : int or None
    """

    def __init__(self, examples: Sequence[Examples[Any]], batch_size: int | None) -> None:
        self.examples = examples
        n = max(map(len, examples))
        self.n_batches = 1 if batch_size is None else -(-n // batch_size)
        self.samples = _Joined.of([one.samples for one in examples])
        self.target, self.weight = (
            None if each[0] is None else _Joined.of(each)
            for each in ([one.target for one in examples], [one.weight for one in examples])
        )

    def only(self, members: Sequence[int]) -> Source:
        """Return the examples of some of the members."""
        other = copy.copy(self)
        other.examples = [self.examples[member] for member in members]
        other.samples = self.samples.only(members)
        other.target, other.weight = (None if one is None else one.only(members) for one in (self.target, self.weight))
        return other

    def cuts(self, orders: Sequence[Tensor] | None) -> list[Cut]:
        """Divide an epoch into batches, as `batches` does for one training."""
        chosen = []
        for number, examples in enumerate(self.examples):
            order = torch.arange(len(examples)) if orders is None else orders[number]
            own = order if examples.rows is None else examples.rows.index_select(0, order)
            chosen.append(own.to(examples.samples.device))
        if len({len(own) for own in chosen}) == 1:
            return [Cut(index, None) for index in torch.stack(chosen).tensor_split(self.n_batches, dim=1)]
        parts = [index.tensor_split(self.n_batches) for index in chosen]
        return [_filled_up(of_all) for of_all in zip(*parts, strict=True)]


def _filled_up(parts: Sequence[Tensor]) -> Cut:
    """Repeat the first sample of a batch until it is as large as the largest."""
    sizes = [len(part) for part in parts]
    most = max(sizes)
    index = [torch.cat([part, part[:1].expand(most - len(part))]) if len(part) < most else part for part in parts]
    return Cut(torch.stack(index), None if min(sizes) == most else sizes)


class _Joined:
    """Samples, targets or weights of all members; what several share is read once.

    Parameters
    ----------
    different : list
    which : list of int
        The place in `different` of what each member has.
    """

    def __init__(self, different: list[Any], which: list[int]) -> None:
        places = sorted(set(which))
        self.different = [different[place] for place in places]
        self.which = [places.index(place) for place in which]
        numbers = range(len(places))
        self.members = [[member for member, own in enumerate(self.which) if own == number] for number in numbers]
        order = [member for members in self.members for member in members]
        self.places = None if order == sorted(order) else torch.tensor(order).argsort()

    @classmethod
    def of(cls, each: Sequence[Any]) -> _Joined:
        """Find out which members have the same."""
        different: list[Any] = []
        which = []
        for one in each:
            same = (number for number, other in enumerate(different) if _same(one, other))
            which.append(next(same, len(different)))
            if which[-1] == len(different):
                different.append(one)
        return cls(different, which)

    def only(self, members: Sequence[int]) -> _Joined:
        """Return those of some of the members."""
        return _Joined(self.different, [self.which[member] for member in members])

    def __getitem__(self, index: Tensor) -> Any:
        """Return the batch of all members, whose tensors have the shape (members, batch, ...)."""
        if len(self.different) == 1:
            return self._of(self.different[0], index)
        parts = [self._of(one, index[members]) for one, members in zip(self.different, self.members, strict=True)]
        leaves = [torch.cat(each) for each in zip(*(tensors_of(part) for part in parts), strict=True)]
        if self.places is not None:
            leaves = [leaf.index_select(0, self.places.to(leaf.device)) for leaf in leaves]
        return with_tensors(parts[0], iter(leaves))

    @staticmethod
    def _of(one: Any, index: Tensor) -> Any:
        flat = index.flatten().to(one.device)
        batch = one.index_select(0, flat) if isinstance(one, Tensor) else one[flat]
        return with_tensors(batch, (part.unflatten(0, index.shape).to(index.device) for part in tensors_of(batch)))


def tensors_of(batch: Any) -> list[Tensor]:
    """Return the tensors in a batch: a tensor, or tuples and dicts of tensors."""
    if isinstance(batch, Tensor):
        return [batch]
    parts = batch.values() if isinstance(batch, dict) else batch if isinstance(batch, tuple) else ()
    return [tensor for part in parts for tensor in tensors_of(part)]


def with_tensors(batch: Any, following: Iterator[Tensor]) -> Any:
    """Return a batch with the tensors that follow in the places of its own."""
    if isinstance(batch, Tensor):
        return next(following)
    if isinstance(batch, tuple):
        parts = [with_tensors(part, following) for part in batch]
        return type(batch)(*parts) if hasattr(batch, "_fields") else tuple(parts)
    if isinstance(batch, dict):
        return {name: with_tensors(part, following) for name, part in batch.items()}
    return batch


def _same(one: Any, other: Any) -> bool:
    """Whether two values are equal, down to the tensors that they hold."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, Tensor):
        if one.shape != other.shape or one.dtype != other.dtype:
            return False
        return (one.data_ptr() == other.data_ptr() and one.stride() == other.stride()) or one.equal(other)
    if hasattr(one, "__getitem__") and hasattr(one, "__dict__"):
        mine, theirs = vars(one), vars(other)
        return mine.keys() == theirs.keys() and all(_same(mine[name], theirs[name]) for name in mine)
    return bool(isinstance(one, bool | int | float | str | torch.device | type(None)) and one == other)
