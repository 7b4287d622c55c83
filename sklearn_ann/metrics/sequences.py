"""How far predicted sequences are from true ones: edit distance, token error rate, sequence error rate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.utils.validation import check_consistent_length, column_or_1d

_AT_ONCE = 2**22  # entries of the padded sequences that are compared at a time


def edit_distances(one: Sequence[Sequence[str]], other: Sequence[Sequence[str]]) -> np.ndarray:
    r"""Return the least number of insertions, deletions and substitutions between pairs of sequences.

    The distance of the first i tokens of a and the first j tokens of b is (Wagner and Fischer 1974)

    .. math:: D_{ij} = \min(D_{i-1,j} + 1, \; D_{i,j-1} + 1, \; D_{i-1,j-1} + [a_i \ne b_j]).

    Parameters
    ----------
    one, other : sequences of n_pairs strings or lists of tokens
        Strings are compared letter by letter.

    Returns
    -------
    int array of shape (n_pairs,)

    References
    ----------
    Wagner, R. A. and Fischer, M. J. (1974). The string-to-string correction problem. Journal of the ACM, 21(1),
    168-173.

    Examples
    --------
    >>> from sklearn_ann.metrics import edit_distances
    >>> edit_distances(["kitten", ["A", "B"]], ["sitting", ["B"]])
    array([3, 1])
    """
    sides = {name: _sequences(side, name) for name, side in (("one", one), ("other", other))}
    check_consistent_length(*sides.values())
    number: dict[str, int] = {}
    left, right = (
        [
            [number.setdefault(token, len(number)) for token in _tokens(sequence, name, index, None)]
            for index, sequence in enumerate(side)
        ]
        for name, side in sides.items()
    )
    distances = np.zeros(len(left), dtype=np.int64)
    order = np.argsort([max(len(a), len(b)) for a, b in zip(left, right, strict=True)], kind="stable")
    begin = len(order)
    while begin > 0:  # from the longest on, as many as fit
        longest = max(len(left[order[begin - 1]]), len(right[order[begin - 1]])) + 1
        chunk = order[max(0, begin - max(1, _AT_ONCE // longest)) : begin]
        distances[chunk] = _distances([left[i] for i in chunk], [right[i] for i in chunk])
        begin -= len(chunk)
    return distances


def _distances(left: list[list[int]], right: list[list[int]]) -> np.ndarray:
    """Return the edit distances of pairs of lists of numbers, row by row of all tables at once."""
    m, n = (np.array([len(tokens) for tokens in side]) for side in (left, right))
    a, b = _padded(left, -1), _padded(right, -2)
    place = np.arange(b.shape[1] + 1)
    row = np.tile(place, (len(left), 1))  # (n_pairs, length + 1)
    distances = n.copy()
    for i in range(a.shape[1]):
        step = np.empty_like(row)
        step[:, 0] = i + 1
        np.minimum(row[:, 1:] + 1, row[:, :-1] + (b != a[:, i : i + 1]), out=step[:, 1:])
        # D[i, j] = min over k <= j of step[k] + (j - k), a running minimum of step[k] - k.
        row = np.minimum.accumulate(step - place, axis=1) + place
        ends = np.flatnonzero(m == i + 1)
        distances[ends] = row[ends, n[ends]]
    return distances


def _padded(sequences: list[list[int]], padding: int) -> np.ndarray:
    longest = max(map(len, sequences))
    rows = np.full((len(sequences), longest), padding)
    for row, tokens in zip(rows, sequences, strict=True):
        row[: len(tokens)] = tokens
    return rows


def nearest_distances(
    y_true: Any, y_pred: Any, tokenizer: Callable[[str], list[str]] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the distance of each prediction to its nearest valid target, and the number of tokens of that target.

    Of several targets at the same distance the longest counts.

    Parameters
    ----------
    y_true : sequence of targets
        A target is a string or a list of tokens; a set of strings or of tuples of tokens holds all valid ones.
    y_pred : sequence of strings or of lists of tokens
    tokenizer : callable or None
        Splits strings into tokens; None takes the letters.

    Returns
    -------
    distances, sizes : int arrays of shape (n_samples,)

    Raises
    ------
    TypeError
        If a target or prediction is neither a string nor a list of tokens, or if there is a single string.
    ValueError
        If a set of targets is empty.
    """
    pairs = _sequences(y_true, "y_true"), _sequences(y_pred, "y_pred")
    check_consistent_length(*pairs)
    truths, guesses, owner = [], [], []
    for index, (truth, guess) in enumerate(zip(*pairs, strict=True)):
        options = truth if isinstance(truth, set | frozenset) else [truth]
        if not options:
            raise ValueError(f"y_true has an empty set of targets in sample {index}")
        tokens = _tokens(guess, "y_pred", index, tokenizer)
        for option in options:
            truths.append(_tokens(option, "y_true", index, tokenizer))
            guesses.append(tokens)
            owner.append(index)
    distances, sizes = edit_distances(truths, guesses), np.array([len(tokens) for tokens in truths])
    samples = np.array(owner)
    best = np.lexsort((-sizes, distances, samples))
    first = best[np.unique(samples[best], return_index=True)[1]]
    return distances[first], sizes[first]


def _sequences(y: Any, name: str) -> Any:
    """Return samples that can be gone through; those of a frame of one column are its entries."""
    if isinstance(y, str | bytes) or not hasattr(y, "__len__"):
        raise TypeError(f"{name} is {y!r} of type {type(y).__name__}: expected a list of strings or of lists of tokens")
    if not hasattr(y, "columns"):
        return y
    if y.shape[1] != 1:
        raise ValueError(f"{name} is a frame of shape {y.shape}: expected one column")
    return y.to_numpy()[:, 0]


def _tokens(sequence: Any, name: str, index: int, tokenizer: Callable[[str], list[str]] | None) -> list[str]:
    if isinstance(sequence, str):
        return list(sequence) if tokenizer is None else tokenizer(sequence)
    if isinstance(sequence, list | tuple | np.ndarray):
        return list(sequence)
    raise TypeError(
        f"{name} has {sequence!r} of type {type(sequence).__name__} in sample {index}: "
        "expected a str or a list of tokens"
    )


def _weights(sample_weight: Any, n: int) -> np.ndarray:
    if n == 0:
        raise ValueError("y_true has 0 samples: expected one or more")
    if sample_weight is None:
        return np.ones(n)
    weight: np.ndarray = column_or_1d(np.asarray(sample_weight, dtype=np.float64))
    check_consistent_length(weight, np.empty(n))
    if not (np.isfinite(weight).all() and (weight >= 0).all() and weight.any()):
        raise ValueError(
            f"sample_weight must be finite, not negative and not all 0, got {weight.min():g} to {weight.max():g}"
        )
    return weight


def token_error_rate(
    y_true: Any, y_pred: Any, *, sample_weight: Any = None, tokenizer: Callable[[str], list[str]] | None = None
) -> float:
    """Return the number of wrong, missing and superfluous tokens, divided by the number of true tokens.

    With words as tokens this is what speech recognition calls the word error rate, with phonemes the phoneme error
    rate. It may exceed 1.

    Parameters
    ----------
    y_true : sequence of strings or of lists of tokens
        The targets. A sample with several valid targets has a set of them, of strings or of tuples of tokens; the
        nearest counts.
    y_pred : sequence of strings or of lists of tokens
        The predictions.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the samples.
    tokenizer : callable, default=None
        Splits strings into tokens, such as ``str.split``; None takes the letters.

    Returns
    -------
    float

    Examples
    --------
    >>> from sklearn_ann.metrics import token_error_rate
    >>> token_error_rate(["abcd", {"colour", "color"}], ["abed", "color"])
    0.1111111111111111
    """
    distances, sizes = nearest_distances(y_true, y_pred, tokenizer)
    weight = _weights(sample_weight, len(distances))
    total = weight @ sizes
    if total == 0:
        raise ValueError("y_true has no token in samples of positive weight: expected one token or more")
    return float(weight @ distances / total)


def sequence_error_rate(
    y_true: Any, y_pred: Any, *, sample_weight: Any = None, tokenizer: Callable[[str], list[str]] | None = None
) -> float:
    """Return the share of sequences that are not predicted exactly.

    In pronunciation of words this is the word error rate. As a scorer:
    ``make_scorer(sequence_error_rate, greater_is_better=False)``.

    Parameters
    ----------
    y_true, y_pred, sample_weight, tokenizer : as in `token_error_rate`
        Targets, predictions, weights, and what splits strings into tokens.

    Returns
    -------
    float

    Examples
    --------
    >>> from sklearn_ann.metrics import sequence_error_rate
    >>> y_true = [["K", "AE", "T"], ["D", "AO", "G"]]
    >>> sequence_error_rate(y_true, [["K", "AE", "T"], ["D", "AA", "G"]])
    0.5
    """
    distances, _ = nearest_distances(y_true, y_pred, tokenizer)
    return float(np.average(distances > 0, weights=_weights(sample_weight, len(distances))))
