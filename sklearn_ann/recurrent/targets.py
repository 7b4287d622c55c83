"""Targets at each step of a series."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from sklearn_ann.base import Targets
from sklearn_ann.base.entries import missing_entries, plain_targets
from sklearn_ann.layers import Average, ragged_positions
from sklearn_ann.reading.columns import is_frame, refuse_mask
from sklearn_ann.reading.kinds import entries
from sklearn_ann.training import Error, Samples


class StepTarget(NamedTuple):
    """The known targets of a batch of series, one after the other."""

    values: Tensor  # (n_known,) or (n_known, n_outputs)
    share: Tensor  # (n_known,), weight of a step in the loss of its series; without class weights they sum to one
    members: Tensor  # (n_known,), the series of each
    places: Tensor  # (n_known,), its step among all steps of the batch
    n_series: int


class StepSamples(Samples):
    """Targets of series, concatenated; a batch is a `StepTarget`.

    Parameters
    ----------
    values : Tensor of shape (n_known,) or (n_known, n_outputs)
    share : Tensor of shape (n_known,)
    steps : int64 Tensor of shape (n_known,)
        The step of each target in its own series.
    starts : int64 Tensor of shape (n_series + 1,)
        The first known target of each series.
    lengths : int64 Tensor of shape (n_series,)
        Number of steps of each series, with those whose target is missing.
    """

    def __init__(self, values: Tensor, share: Tensor, steps: Tensor, starts: Tensor, lengths: Tensor) -> None:
        self.values, self.share, self.steps, self.starts, self.lengths = values, share, steps, starts, lengths
        self.device = values.device

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: Tensor) -> StepTarget:
        groups, positions = ragged_positions(self.starts, index)
        lengths = self.lengths.index_select(0, index)
        first = lengths.cumsum(0) - lengths
        places = first.index_select(0, groups.members) + self.steps.index_select(0, positions)
        values, share = (part.index_select(0, positions) for part in (self.values, self.share))
        return StepTarget(values, share, groups.members, places, len(index))

    def to(self, device: torch.device) -> StepSamples:
        """Return the same targets on `device`."""
        return StepSamples(
            *(part.to(device) for part in (self.values, self.share, self.steps, self.starts, self.lengths))
        )


def error_of_steps(error: Error, output: Tensor, target: StepTarget) -> Tensor:
    """Return the mean loss over the known steps of each series.

    Parameters
    ----------
    error : callable
        ``(output, target) -> one loss per step``.
    output : Tensor of shape (n_steps, n_outputs), or (n_members, n_steps, n_outputs)
    target : StepTarget
    """
    losses = error(output.index_select(-2, target.places), target.values) * target.share
    totals = losses.new_zeros(*losses.shape[:-1], target.n_series)
    return totals.index_add(-1, target.members, losses)


def joined(parts: list[np.ndarray]) -> np.ndarray:
    """Concatenate the targets of series; numbers among text stay numbers."""
    text = {part.dtype.kind in "US" for part in parts}
    return np.concatenate([part.astype(object) for part in parts] if len(text) > 1 else parts)


def settled(values: np.ndarray) -> np.ndarray:
    """Return objects as plain numbers or text; if they are both, they stay objects."""
    if values.dtype != object or len({isinstance(value, str) for value in values.flat}) > 1:
        return values
    return np.array(values.tolist())


class StepTargets(Targets):
    """Targets at each step of series: an array for each, of which entries may be missing, or strings of labels.

    Parameters
    ----------
    decoder : Targets
        Knows the targets of single steps.

    Attributes
    ----------
    uniform : bool
        Whether y was one array in the fit, with a row for each series.
    letters : bool
        Whether y were strings, with a letter for each step.
    """

    of_samples: ClassVar[bool] = False
    uniform: bool
    letters: bool

    def __init__(self, *, steps: Targets, **common: Any) -> None:
        super().__init__(**common)
        self.steps = steps

    @property
    def decoder(self) -> Targets:
        """The targets of single steps."""
        return self.steps

    @property
    def n_outputs(self) -> int:  # type: ignore[override]
        """Number of outputs at each step."""
        return self.steps.n_outputs

    @property
    def average(self) -> Average:
        """As of single steps."""
        return self.steps.average

    @property
    def error(self) -> Error:
        """The mean over the known steps of a series."""
        return partial(error_of_steps, self.steps.error)

    def learn(self, y: Any, weight: np.ndarray | None, *, samples: Any = None, **options: Any) -> Samples:
        """Learn what the target of a step is, and in what form y comes."""
        parts, self.uniform, self.letters = self._parts(y)
        return self._encoded(parts, weight, samples, self.steps.learn, options)

    def read(self, y: Any, *, weight: np.ndarray | None = None, samples: Any = None, **options: Any) -> Samples:
        """Return targets of series of any length."""
        return self._encoded(self._parts(y)[0], weight, samples, self.steps.read, options)

    def known(self, y: Any, lengths: Sequence[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the targets of all known steps, the step of each among all steps, and the series of each.

        Raises
        ------
        ValueError
            If a series has another number of targets than of steps, or no known target.
        """
        parts = self._parts(y)[0]
        if len(parts) != len(lengths):
            raise ValueError(
                f"Found input variables with inconsistent numbers of samples: {[len(lengths), len(parts)]}"
            )
        for index, (part, length) in enumerate(zip(parts, lengths, strict=True)):
            if len(part) != length:
                raise ValueError(f"sample {index} has {length} steps, but its y has {len(part)} targets")
        if len({part.shape[1:] for part in parts}) > 1:
            index = next(i for i, part in enumerate(parts) if part.shape[1:] != parts[0].shape[1:])
            raise ValueError(
                f"y of sample {index} has the shape {parts[index].shape}, and that of sample 0 {parts[0].shape}: "
                "expected as many targets at each step"
            )
        flat = joined(parts)
        there = ~missing_entries(flat).reshape(len(flat), -1).all(axis=1)
        series = np.repeat(np.arange(len(parts)), lengths)
        empty = np.flatnonzero(np.bincount(series[there], minlength=len(parts)) == 0)
        if len(empty):
            raise ValueError(f"y of sample {empty[0]} has no known target: all are missing. Leave the sample out")
        return settled(flat[there]), np.flatnonzero(there), series[there]

    def cut(self, values: np.ndarray, lengths: Sequence[int]) -> np.ndarray:
        """Return the predictions for the steps of each series.

        Returns
        -------
        array of shape (n_series, length, ...) if y was such an array in the fit and the lengths agree; else an array of
        n_series objects, which are arrays, or strings if y were strings
        """
        if self.uniform and len(set(lengths)) == 1:
            return values.reshape(len(lengths), lengths[0], *values.shape[1:])
        join = self.letters and values.dtype.kind in "UO"
        result = np.empty(len(lengths), dtype=object)
        for index, part in enumerate(np.split(values, np.cumsum(lengths)[:-1])):
            result[index] = "".join(part) if join else part
        return result

    def _parts(self, y: Any) -> tuple[list[np.ndarray], bool, bool]:
        """Return the targets of each series, whether they were one array, and whether they were strings."""
        if y is None:
            raise ValueError(f"This {self.owner} requires y to be passed, but the target y is None")
        y = plain_targets(y) if isinstance(y, torch.Tensor) else y.to_numpy() if is_frame(y) else y
        refuse_mask(y, "y")
        # One column of objects holds strings or arrays, a table of objects labels.
        if isinstance(y, np.ndarray) and y.ndim in (2, 3) and (y.dtype != object or y.shape[1] > 1):
            return list(y), True, False
        samples = entries(y) if not isinstance(y, np.ndarray) or y.dtype == object else list(y)
        if samples is None or not samples:
            raise ValueError(f"y must hold the targets at the steps of each sample, got a {type(y).__name__}")
        letters = isinstance(samples[0], str)
        return [self._part(sample, index, letters) for index, sample in enumerate(samples)], False, letters

    @staticmethod
    def _part(sample: Any, index: int, letters: bool) -> np.ndarray:
        if isinstance(sample, str) != letters:
            raise TypeError(
                f"y of sample {index} is {sample!r}: expected {'a str' if letters else 'an array'}, as of 0"
            )
        if letters:
            return np.array(list(sample))
        if np.ndim(sample) not in (1, 2):
            raise ValueError(
                f"y of sample {index} is {sample!r}: output='sequence' expects a target for each step, in an array of "
                "shape (length,) or (length, n_outputs)"
            )
        refuse_mask(sample, f"y of sample {index}")
        return np.asarray(plain_targets(sample))

    def _encoded(
        self, parts: list[np.ndarray], weight: np.ndarray | None, samples: Any, encode: Any, options: dict[str, Any]
    ) -> Samples:
        if weight is not None and weight.ndim == 2:
            raise ValueError(f"sample_weight of shape {weight.shape}: expected (n_samples,), one weight per sample")
        lengths = samples.sizes[:, 0]
        flat, step, series = self.known(parts, lengths.tolist())
        of_steps = None if weight is None else weight[series]
        values = encode(flat, weight=of_steps, members=series, **options)
        n_known = np.bincount(series, minlength=len(lengths))
        share = 1 / n_known[series]
        of_class = self.steps.weights(flat, of_steps)
        if of_class is not None:
            if not (of_class if of_steps is None else of_class * of_steps).any():
                raise ValueError("no step has a weight above zero, with sample_weight and class_weight multiplied")
            share = share * of_class
        first = lengths.cumsum(0) - lengths
        steps = torch.from_numpy(step) - first[torch.from_numpy(series)]
        starts = torch.from_numpy(np.cumsum([0, *n_known]))
        return StepSamples(values, torch.as_tensor(share, dtype=self.dtype), steps, starts, lengths)

    def hold_options(self, today: Any, but: str = "") -> None:
        """Refuse to go on from an earlier fit with other options."""
        if type(self) is type(today):
            self.steps.hold_options(today.steps, but)
        else:
            super().hold_options(today, but)

    def renewed(self, today: Self) -> Self:
        """Return what was learned with the class weights and the type of `today`."""
        new = copy.copy(self)
        vars(new).update(steps=self.steps.renewed(today.steps), dtype=today.dtype)
        return new

    @property
    def attributes(self) -> dict[str, Any]:
        """What was learned of single steps."""
        return self.steps.attributes
