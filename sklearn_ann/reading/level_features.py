"""Side information of a tensor: for the levels of a mode, a row of features each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sklearn_ann.reading.columns import is_frame, is_missing


class LevelFeatures:
    """Features of the levels of one mode, standardised over the levels of the fit.

    A feature that is the same for all levels of the fit is 0: the network learns nothing of it. The levels of the fit
    have the first codes, then comes the code of an unknown level, and then those of levels that only have features.

    Parameters
    ----------
    frame : pandas DataFrame
        One row for each level, the levels as its index.
    known : array
        The levels of the fit.
    name : str or int
        Name of the mode.
    dtype : torch.dtype

    Attributes
    ----------
    matrix : Tensor of shape (n_codes, n_features)
        Zeros for the unknown level.
    """

    def __init__(self, frame: Any, known: np.ndarray, name: Any, dtype: torch.dtype) -> None:
        subject = f"side_information of mode {name!r}"
        levels = _levels_of_index(frame, subject)
        values = _numbers(frame, levels, subject)
        row_of = {level: row for row, level in enumerate(levels)}
        missing = [level for level in known.tolist() if level not in row_of]
        if missing:
            raise ValueError(
                f"{subject} has no row for {len(missing)} of {len(known)} levels of X, such as {missing[0]!r}: its "
                f"index, such as {levels[0]!r}, must hold all levels"
            )
        there = set(known.tolist())
        others = [level for level in levels if level not in there]
        self._code_of = {level: len(known) + 1 + number for number, level in enumerate(others)}
        of_known = values[[row_of[level] for level in known.tolist()]]
        mean, spread = of_known.mean(axis=0), of_known.std(axis=0)
        varies = spread > 1e-9 * np.abs(of_known).max(axis=0)
        spread = np.where(varies, spread, 1.0)
        unknown = np.zeros((1, values.shape[1]))
        rows = [of_known, unknown, values[[row_of[level] for level in others]]]
        standard = [rows[0] - mean, unknown, rows[2] - mean]
        self.matrix: Tensor = torch.as_tensor(np.concatenate(standard) / spread * varies, dtype=dtype)

    def codes_of(self, values: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """Return `codes` of values, with those of levels that only have features in the place of the unknown ones."""
        new = np.flatnonzero(codes == len(self.matrix) - 1 - len(self._code_of))
        if len(new) == 0 or not self._code_of:
            return codes
        found = codes.copy()
        found[new] = [
            self._code_of.get(value, code)
            for value, code in zip(values[new].tolist(), codes[new].tolist(), strict=True)
        ]
        return found


def check_side_information(given: Any, names: Sequence[Any]) -> None:
    """Raise an error if side information is no mapping of modes to frames.

    Raises
    ------
    TypeError
        If it is no dict, or if a value is no frame.
    ValueError
        If it names another mode.
    """
    if not isinstance(given, Mapping):
        raise TypeError(f"side_information must be a dict of frames by the name of a mode, got {type(given).__name__}")
    for name, frame in given.items():
        if name not in names:
            raise ValueError(f"side_information has the mode {name!r}, but the modes of X are {list(names)}")
        if not (is_frame(frame) and hasattr(frame, "index")):
            raise TypeError(
                f"side_information of mode {name!r} is a {type(frame).__name__}, but a pandas DataFrame was expected: "
                "one row of features for each level, the levels as its index"
            )


def _levels_of_index(frame: Any, subject: str) -> list[Any]:
    """Return the index of a frame as levels; whole numbers are integers."""
    levels = [
        int(level) if isinstance(level, float) and level.is_integer() else level for level in frame.index.tolist()
    ]
    seen: set[Any] = set()
    for row, level in enumerate(levels):
        if is_missing(level):
            raise ValueError(f"{subject} has no level in row {row} of its index")
        if level in seen:
            raise ValueError(f"{subject} has more than one row for the level {level!r}")
        seen.add(level)
    if not levels or frame.shape[1] == 0:
        raise ValueError(f"{subject} is of shape {frame.shape}: expected a row for each level, and 1 feature or more")
    return levels


def _numbers(frame: Any, levels: list[Any], subject: str) -> np.ndarray:
    values = np.empty(frame.shape)
    for place, name in enumerate(frame.columns):
        column = frame.iloc[:, place]
        if np.asarray(column.iloc[:0]).dtype.kind in "mM":
            raise ValueError(f"{subject} is of {column.dtype} in column {name!r}: features are numbers")
        for row, value in enumerate(column.tolist()):
            try:
                number = np.nan if is_missing(value) else float(value)
            except (TypeError, ValueError) as error:
                raise ValueError(
                    f"{subject} has the value {value!r} for the level {levels[row]!r} in column {name!r}, but features "
                    "are numbers: pandas.get_dummies makes numbers of categories"
                ) from error
            if not np.isfinite(number):
                raise ValueError(
                    f"{subject} has {'no value' if np.isnan(number) else repr(value)} for the level {levels[row]!r} in "
                    f"column {name!r}: fill it in, or leave the column out"
                )
            values[row, place] = number
    return values
