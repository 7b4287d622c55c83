"""Masked places that a user names: by a letter of their own, or by their positions."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import Any

import numpy as np

from sklearn_ann.reading.alphabets import Alphabet


def checked_mask(mask: str, alphabet: Alphabet) -> None:
    """Refuse a masked letter that is no single letter, or a letter of the alphabet."""
    if len(mask) != 1 or mask.upper() in alphabet.symbols or mask.isspace():
        raise ValueError(
            f"mask_token={mask!r}: expected a single letter that is none of the alphabet, {alphabet.symbols}"
        )


def checked_positions(positions: Any, lengths: np.ndarray) -> tuple[list[np.ndarray], bool]:
    """Return the positions to mask in each sequence, and whether each has one that is given as a number.

    Raises
    ------
    TypeError
        If a position is no integer.
    ValueError
        If there are more or fewer entries than sequences, or if a position is there twice or is not in its sequence.
    """
    if isinstance(positions, str | Mapping) or not hasattr(positions, "__len__"):
        raise TypeError(f"positions={positions!r}: expected a list with an entry for each sequence")
    if len(positions) != len(lengths):
        raise ValueError(f"positions has {len(positions)} entries for {len(lengths)} sequences: expected one for each")
    found, single = [], all(isinstance(entry, Integral) for entry in positions)
    for index, (entry, length) in enumerate(zip(positions, lengths.tolist(), strict=True)):
        places = [entry] if isinstance(entry, Integral) else list(entry) if hasattr(entry, "__iter__") else [None]
        for place in places:
            if isinstance(place, bool | str) or not isinstance(place, Integral):
                raise TypeError(f"positions of sequence {index} are {entry!r}: expected an int, or a list of them")
            if not 0 <= int(place) < length:
                raise ValueError(f"position {place} of sequence {index}: expected 0 to {length - 1}, the last letter")
        if len(set(places)) < len(places):
            raise ValueError(f"positions of sequence {index} are {entry!r}: expected each of them once")
        found.append(np.array(places, dtype=np.int64))
    return found, single
