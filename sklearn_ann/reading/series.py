"""Series: strings and signals as recurrent networks read them, step by step, scaled and without gaps."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch

from sklearn_ann.reading.alphabets import Unknown
from sklearn_ann.reading.grids import GridReader, GridSamples
from sklearn_ann.reading.kinds import Kind, possible_kinds, turned
from sklearn_ann.reading.scaling import mean_and_scale
from sklearn_ann.training import Examples, as_tensor


def filled_forward(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Replace missing values by the last one before them in the same channel of the same series.

    Parameters
    ----------
    values : array of shape (n_steps, n_channels)
        The steps of all series, NaN where a value is missing.
    starts : array of shape (n_series + 1,)
        The first step of each series.

    Returns
    -------
    array of shape (n_steps, n_channels)
        NaN where no value came before.
    """
    step = np.arange(len(values))[:, None]
    last = np.maximum.accumulate(np.where(np.isnan(values), -1, step), axis=0)  # the step of the last known value
    first = np.repeat(starts[:-1], np.diff(starts))[:, None]
    return np.where(last >= first, np.take_along_axis(values, np.maximum(last, 0), axis=0), np.nan)


class SeriesReader(GridReader):
    """Reads strings, and series of numbers of shape (length,) or (length, channels).

    Each channel of numbers gets a mean of 0 and a standard deviation of 1 over all steps of the fit. A missing value
    becomes the last one before it, or the mean if there is none; a channel in which the fit has missing values is
    followed, after all channels, by one that says where they are.

    Parameters
    ----------
    alphabet, unknown
        See `LetterReader`.

    Attributes
    ----------
    mean, scale : array of shape (n_channels,)
        Mean and standard deviation of each channel; 0 and 1 for strings.
    gaps : array of int
        The channels with missing values in the fit.
    """

    missing: ClassVar[bool] = True
    mean: np.ndarray
    scale: np.ndarray
    gaps: np.ndarray

    def __init__(self, *, owner: str, dtype: torch.dtype, alphabet: str, unknown: Unknown) -> None:
        super().__init__(owner=owner, dtype=dtype, alphabet=alphabet, unknown=unknown, image_shape=None, fixed=False)

    def finish(self, examples: Examples[GridSamples]) -> Examples[GridSamples]:
        """Learn mean and standard deviation of each channel, and which channels have gaps."""
        samples = examples.samples
        self.mean, self.scale = np.zeros(self.n_channels), np.ones(self.n_channels)
        self.gaps = np.zeros(0, dtype=np.int64)
        if self.kind == "sequence":
            return examples
        present = np.ones(len(samples)) if examples.weight is None else examples.weight.double().numpy()
        weight = np.repeat(present, samples.sizes[:, 0].numpy())
        values = samples.values.reshape(-1, self.n_channels).double().numpy()
        counts = weight > 0
        for channel, column in enumerate(values.T):
            there = counts & ~np.isnan(column)
            if there.any():
                mean, scale = mean_and_scale(column[there, None], weight[there], "X")
                self.mean[channel], self.scale[channel] = mean[0], scale[0]
        self.gaps = np.flatnonzero(np.isnan(values[counts]).any(axis=0))
        return Examples(self._without_gaps(samples), examples.rows, examples.target, examples.weight)

    @property
    def in_pieces(self) -> bool:
        """Channels are scaled by all series at once."""
        return False

    def read(self, X: Any, y: Any = None) -> GridSamples:
        """Return series as scaled in the fit."""
        samples = super().read(X, y)
        return samples if self.kind == "sequence" else self._without_gaps(samples)

    def _without_gaps(self, samples: GridSamples) -> GridSamples:
        """Scale series, fill gaps, and add the channels that say where they are."""
        values = samples.values.reshape(-1, self.n_channels).numpy()
        missing = np.isnan(values)
        if missing.any():
            values = filled_forward(values, samples.starts.numpy())
        with np.errstate(over="ignore"):  # refused in the next line
            scaled = (values - self.mean) / self.scale
        self._refuse_far(values, scaled, samples.starts.numpy())
        scaled = scaled.astype(self.numpy_dtype)
        scaled = np.nan_to_num(np.hstack([scaled, missing[:, self.gaps]]), copy=False)
        shape = (*samples.values.shape[:-1], scaled.shape[1])
        return GridSamples(as_tensor(scaled.reshape(shape)), samples.sizes, samples.uniform, None)

    def _refuse_far(self, values: np.ndarray, scaled: np.ndarray, starts: np.ndarray) -> None:
        far = np.abs(scaled) > np.finfo(self.numpy_dtype).max
        if far.any():
            step, channel = np.argwhere(far)[0]
            sample = np.searchsorted(starts, step, side="right") - 1
            raise ValueError(
                f"sample {sample} of X has the value {values[step, channel]:g} in channel {channel}: that is too many "
                f"standard deviations off the mean of the fit to compute with in {np.dtype(self.numpy_dtype)}"
            )

    def _kind_of(self, X: Any) -> tuple[Kind, str | None]:
        possible = possible_kinds(X)
        if possible == ["image"]:
            raise ValueError(
                f"{self.owner} reads strings and series of shape (length,) or (length, channels), but sample 0 of X "
                f"has {np.ndim(X[0])} dimensions"
            )
        if possible == ["sequence"]:
            return "sequence", None
        return "signal", turned(X) if "image" in possible else None

    @property
    def _number(self) -> type[np.floating]:
        return np.float64  # until they are scaled: digits of values far from zero would be lost

    @property
    def n_inputs(self) -> int:
        """Width of what the network reads at each step."""
        return self.n_channels + len(self.gaps)
