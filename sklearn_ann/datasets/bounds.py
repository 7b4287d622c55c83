"""Checks of the parameters that makers of data share: numbers of things, from a least to a greatest."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np


def bounds(size: Any, least_of_all: int, name: str) -> tuple[int, int]:
    """Return the least and the greatest number that `size` names: a pair of integers, or one integer for both.

    Raises
    ------
    ValueError
        If it names none, or numbers under `least_of_all`. The message calls it `name`.
    """
    pair = tuple(size) if isinstance(size, tuple | list) else (size, size)
    integers = all(isinstance(bound, Integral) and not isinstance(bound, bool) for bound in pair)
    if len(pair) != 2 or not integers or not least_of_all <= pair[0] <= pair[1]:
        raise ValueError(
            f"{name}={size!r}: expected an int from {least_of_all}, or the least and the greatest of such in a tuple"
        )
    return int(pair[0]), int(pair[1])


def pair_of_integers(pair: Any, least_of_all: int, name: str) -> tuple[int, int]:
    """Return the least and the greatest number, of which both must be given.

    Raises
    ------
    ValueError
        If `pair` is no pair of integers from `least_of_all`. The message calls it `name`.
    """
    if not isinstance(pair, tuple | list | np.ndarray) or len(pair) != 2:
        raise ValueError(f"{name}={pair!r}: expected the least and the greatest number, {least_of_all} or above")
    try:
        return bounds((pair[0], pair[1]), least_of_all, name)
    except ValueError as error:
        raise ValueError(
            f"{name}={pair!r}: expected the least and the greatest number, {least_of_all} or above"
        ) from error


def probabilities_between(pair: Any, name: str) -> tuple[float, float]:
    """Return the least and the greatest probability, in (0, 1].

    Raises
    ------
    ValueError
        If `pair` is no such pair. The message calls it `name`.
    """
    numbers = isinstance(pair, tuple | list | np.ndarray) and len(pair) == 2 and all(isinstance(p, Real) for p in pair)
    if not numbers or not 0 < pair[0] <= pair[1] <= 1:
        raise ValueError(f"{name}={pair!r}: expected the least and the greatest probability, in (0, 1]")
    return float(pair[0]), float(pair[1])


def letters_of(letters: Any, at_least: int) -> str:
    """Return letters, each there once if there must be two or more.

    Raises
    ------
    TypeError
        If they are no string.
    ValueError
        If they are fewer than `at_least`, or one is there twice.
    """
    if not isinstance(letters, str):
        raise TypeError(f"letters={letters!r} is a {type(letters).__name__}: expected a string, such as 'ACGT'")
    if len(letters) < at_least or (at_least > 1 and len(set(letters)) < len(letters)):
        once = ", each once" if at_least > 1 else ""
        raise ValueError(f"letters={letters!r}: expected {at_least} or more letters{once}")
    return letters


def items_of(values: Any, name: str) -> list[Any]:
    """Return a list of what a parameter holds.

    Raises
    ------
    TypeError
        If it is no list, tuple or array.
    """
    if not isinstance(values, Sequence | np.ndarray) or isinstance(values, str):
        raise TypeError(f"{name}={values!r} is a {type(values).__name__}: expected a list")
    return list(values)
