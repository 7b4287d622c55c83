"""Sequences with known truth: motifs planted into random letters."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any, Literal

import numpy as np
from sklearn.utils import check_random_state, check_scalar

from sklearn_ann.datasets.bounds import bounds, items_of, letters_of, probabilities_between

Rule = Literal["presence", "order", "strand"]


def make_motif_sequences(
    n_samples: int = 200,
    *,
    length: int | tuple[int, int] = 100,
    motifs: int | Sequence[Any] = 1,
    width: int = 10,
    conservation: tuple[float, float] = (0.7, 1.0),
    rule: Rule = "presence",
    both_strands: bool = False,
    letters: str = "ACGT",
    background: Any = None,
    return_positions: bool = False,
    random_state: int | np.random.RandomState | None = None,
) -> tuple[Any, ...]:
    """Make random sequences with planted motifs whose position weight matrices are known.

    The letters of a sequence are independent draws from `background`. The letters of a motif are drawn from the rows of
    its matrix, and its position is random.

    Parameters
    ----------
    n_samples : int
        Number of sequences to make.
    length : int or (int, int)
        Length of the sequences, or least and greatest length.
    motifs : int or sequence of arrays of shape (width, n_letters)
        Number of random motifs, or the matrices of the motifs: the probability of each letter at each position.
    width : int
        Length of random motifs.
    conservation : (float, float) in (0, 1]
        Least and greatest probability of the commonest letter at a position of a random motif. The other letters share
        the rest equally.
    rule : {"presence", "order", "strand"}
        Difference between the classes.

        - ``"presence"``: class 0 has no motif, class 1 the first motif, class 2 the second, and so on. Class 0 has the
          letters of one of the motifs in random order, so that the composition is not informative.
        - ``"order"``: all sequences have all motifs, class 0 in the given order and class 1 in reverse order.
        - ``"strand"``: all sequences have all motifs in the given order, class 0 on this strand, class 1 on the other.
    both_strands : bool
        Whether to read a random half of the sequences from the other strand; not with ``"strand"``. ``"order"`` is the
        order on the strand that the motifs were planted on.
    letters : str
        The alphabet. Strands need ``"ACGT"`` or ``"ACGU"``.
    background : array of shape (n_letters,) or None
        Probability of each letter outside the motifs. None means equal probabilities.
    return_positions : bool
        Whether to return the positions of the motifs.
    random_state : int, RandomState instance or None
        Seed or generator.

    Returns
    -------
    sequences : list of str
    y : array of shape (n_samples,)
        The classes 0, 1, ..., repeated in this order.
    motifs : list of arrays of shape (width, n_letters)
        The matrices.
    positions : int array of shape (n_samples, n_motifs)
        Position of the first letter of each motif, -1 if it is not planted. Only with `return_positions`.

    Raises
    ------
    ValueError
        If a matrix does not have one column per letter or its rows are not probabilities, if the motifs do not fit into
        the shortest sequence, or if a parameter is out of bounds.

    Examples
    --------
    >>> from sklearn_ann.datasets import make_motif_sequences
    >>> sequences, y, [motif] = make_motif_sequences(
    ...     4, length=30, conservation=(1, 1), random_state=0
    ... )
    >>> sequences[1], y
    ('ACACTCCGTTGACCCCACATGTCCGACAGG', array([0, 1, 0, 1]))
    >>> "".join("ACGT"[letter] for letter in motif.argmax(axis=1))
    'GTTGACCCCA'
    """
    rng = check_random_state(random_state)
    check_scalar(n_samples, "n_samples", Integral, min_val=1)
    _check_letters(letters, rule, both_strands)
    given = (
        _random_motifs(rng, int(motifs), width, conservation, len(letters))
        if isinstance(motifs, Integral)
        else items_of(motifs, "motifs")
    )
    matrices = [_probabilities(f"motif {number}", matrix, len(letters)) for number, matrix in enumerate(given)]
    least, greatest = _checked_length(length, matrices, rule)
    if background is None:
        background = np.full(len(letters), 1 / len(letters))
    [background] = _probabilities("background", [background], len(letters))
    y = np.arange(n_samples) % (1 + len(matrices) if rule == "presence" else 2)
    positions = np.full((n_samples, len(matrices)), -1)
    sequences = []
    for i, label in enumerate(y):
        codes = _draw(rng, np.tile(background, (rng.randint(least, greatest + 1), 1)))
        _plant(codes, positions[i], int(label), matrices, rule, rng)
        if (rule == "strand" and label) or (both_strands and rng.randint(2)):
            # A pairs with T, and C with G: the first letter with the last, the second with the third.
            codes = len(letters) - 1 - codes[::-1]
            ends = positions[i] + [len(matrix) for matrix in matrices]
            positions[i] = np.where(positions[i] < 0, -1, len(codes) - ends)
        sequences.append("".join(letters[code] for code in codes))
    return (sequences, y, matrices, positions) if return_positions else (sequences, y, matrices)


def _check_letters(letters: str, rule: Rule, both_strands: bool) -> None:
    letters_of(letters, 2)
    if rule not in ("presence", "order", "strand"):
        raise ValueError(f"rule={rule!r}: expected 'presence', 'order' or 'strand'")
    if both_strands and rule == "strand":
        raise ValueError("both_strands=True and rule='strand' together leave no difference between the classes")
    if (both_strands or rule == "strand") and letters not in ("ACGT", "ACGU"):
        raise ValueError(f"letters={letters!r} have no other strand: rule='strand' and both_strands need 'ACGT'")


def _checked_length(length: int | tuple[int, int], matrices: list[np.ndarray], rule: Rule) -> tuple[int, int]:
    """Return the least and the greatest length of sequences, which must hold the motifs."""
    fewest = 2 if rule == "order" else 1
    if len(matrices) < fewest:
        raise ValueError(f"rule={rule!r} needs {fewest} motifs or more, got {len(matrices)}")
    widths = [len(matrix) for matrix in matrices]
    needed = max(widths) if rule == "presence" else sum(widths)
    least, greatest = bounds(length, 1, "length")
    if least < needed:
        raise ValueError(f"length={length}: expected at least {needed} letters, which the motifs need")
    return least, greatest


def _plant(
    codes: np.ndarray,
    positions: np.ndarray,
    label: int,
    matrices: list[np.ndarray],
    rule: Rule,
    rng: np.random.RandomState,
) -> None:
    """Plant the motifs of class `label` into the letters `codes`, and note their `positions`."""
    numbers = np.arange(len(matrices))
    if rule == "presence":
        numbers = numbers[[label - 1 if label else rng.randint(len(matrices))]]
    elif rule == "order" and label:
        numbers = numbers[::-1]
    widths = np.array([len(matrices[number]) for number in numbers])
    for number, start in zip(numbers, _starts(rng, widths, len(codes)), strict=True):
        instance = _draw(rng, matrices[number])
        planted = rule != "presence" or label
        codes[start : start + len(instance)] = instance if planted else rng.permutation(instance)
        positions[number] = start if planted else -1


def _random_motifs(
    rng: np.random.RandomState, n_motifs: int, width: Any, conservation: Any, n_letters: int
) -> list[np.ndarray]:
    least, greatest = probabilities_between(conservation, "conservation")
    if not isinstance(width, int | np.integer) or n_motifs < 1 or width < 1:
        raise ValueError(f"motifs={n_motifs} and width={width}: both must be whole numbers, 1 or more")
    motifs = []
    for _ in range(n_motifs):
        commonest = rng.uniform(least, greatest, size=(width, 1))
        matrix = np.tile((1 - commonest) / (n_letters - 1), n_letters)
        matrix[np.arange(width), rng.randint(n_letters, size=width)] = commonest[:, 0]
        motifs.append(matrix)
    return motifs


def _probabilities(name: str, rows: Any, n_letters: int) -> np.ndarray:
    try:
        matrix: np.ndarray = np.asarray(rows, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: expected probabilities, but {error}") from error
    if matrix.ndim != 2 or len(matrix) == 0 or matrix.shape[1] != n_letters:
        raise ValueError(f"{name} has shape {matrix.shape}: expected one column for each of {n_letters} letters")
    if not ((matrix >= 0).all() and np.allclose(matrix.sum(axis=1), 1, atol=1e-3)):
        raise ValueError(f"{name}: expected probabilities, each row 0 or above and of sum 1")
    return np.asarray(matrix / matrix.sum(axis=1, keepdims=True))


def _draw(rng: np.random.RandomState, probabilities: np.ndarray) -> np.ndarray:
    """Draw one letter from each row of `probabilities`, (length, n_letters)."""
    below = rng.uniform(size=(len(probabilities), 1)) >= probabilities.cumsum(axis=1)[:, :-1]
    return np.asarray(below.sum(axis=1))


def _starts(rng: np.random.RandomState, widths: np.ndarray, length: int) -> np.ndarray:
    """Draw the starts of pieces of `widths`, in this order, without overlap; all arrangements are equally likely."""
    n = len(widths)
    letters_before = np.sort(rng.choice(length - widths.sum() + n, size=n, replace=False)) - np.arange(n)
    return np.asarray(letters_before + widths.cumsum() - widths)
