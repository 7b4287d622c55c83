"""What X holds: strings, signals or images. One rule for all estimators decides it."""

from __future__ import annotations

from collections import UserString
from textwrap import shorten
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
import torch

from sklearn_ann.reading.columns import column_of_sequences, in_pandas, is_frame, is_missing, refuse_mask
from sklearn_ann.reading.reader import Columns
from sklearn_ann.training import as_array

Kind = Literal["sequence", "signal", "image"]
SampleType = Literal["auto", "sequence", "signal", "image"]

MOST_CHANNELS = 24  # of a signal that "auto" recognises: 20 amino acids, their ambiguous letters and a gap
_NUMBERS = "biufcmM"  # kinds of NumPy's types that hold no strings
_LETTERS = 0.9  # share of the rows of a matrix that are probabilities of letters, from which on all are
_SUM_TO_ONE = 1e-3  # error allowed
_ALIKE, _MORE = 0.3, 0.2  # correlation of neighbours along a time axis, and how much greater it is than others
_SWAP = "If X has the channels first, np.swapaxes(X, 1, 2), or the transpose of each sample, has this shape."


# --- Strings ---------------------------------------------------------------------------------------------------------


def _is_biopython(sample: Any) -> bool:
    """Return whether a sample is a Seq or a SeqRecord."""
    return hasattr(getattr(sample, "seq", sample), "reverse_complement")


def is_text(sample: Any) -> bool:
    """Return whether a sample is a string, of Python or Biopython; bytes too, which `as_strings` refuses."""
    return isinstance(sample, str | bytes | bytearray | memoryview | UserString) or _is_biopython(sample)


def is_list(sample: Any) -> bool:
    """Return whether a sample is a list or an array."""
    return isinstance(sample, list | tuple) or (isinstance(sample, np.ndarray) and sample.ndim > 0)


def is_letters(sample: Any) -> bool:
    """Return whether a sample is a list of single letters, or of one string."""
    if not is_list(sample) or len(sample) == 0:
        return False
    return all(isinstance(letter, str) and (len(letter) == 1 or len(sample) == 1) for letter in sample)


def _is_fasta(X: Any) -> bool:
    """Return whether `X` is a tuple of two equally long lists of strings that are not all single letters.

    The latter are two sequences.
    """
    if type(X) is not tuple or len(X) != 2 or not all(isinstance(part, list) for part in X):
        return False
    (names, sequences), strings = X, (*X[0], *X[1])
    plain = len(names) == len(sequences) and all(isinstance(string, str) for string in strings)
    return plain and any(len(string) > 1 for string in strings)


def entries(X: Any) -> list[Any] | None:
    """Return the samples of a list, of a series, of a frame of one column, or of an array that holds no plain numbers.

    None for a table, plain numbers or anything else.

    Raises
    ------
    TypeError
        If `X` is what ``read_fasta`` returns, a tuple of two lists.
    ValueError
        If values of `X` are masked.
    """
    if _is_fasta(X):
        raise TypeError(
            f"X must be a list of sequences, got a tuple of two lists of {len(X[0])} strings, such as the names and "
            "the sequences that read_fasta returns: unpack the tuple, as in `names, sequences = read_fasta(path)`, and "
            "pass the sequences"
        )
    X = in_pandas(X)
    if isinstance(X, list | tuple):
        return list(X)
    shape = getattr(X, "shape", ())
    if (
        isinstance(X, torch.Tensor)
        or not isinstance(shape, tuple)
        or len(shape) not in (1, 2)
        or sp.issparse(X)
        or not hasattr(X, "__array__")
    ):
        return None
    if (is_frame(X) and shape[1] != 1) or getattr(getattr(X, "dtype", None), "kind", "O") in _NUMBERS:
        return None
    values = X.to_numpy() if hasattr(X, "to_numpy") else np.asarray(X)
    if values.dtype.kind in _NUMBERS:
        return None
    refuse_mask(X, "X")
    return list(values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values)


def holds_strings(X: Any) -> bool:
    """Return whether the samples in `X` are strings or lists of single letters; one odd sample does not change that."""
    if is_text(X):
        return True  # reading it raises the error
    samples = entries(X)
    if not samples:
        return False
    filled = (sample for sample in samples if not is_list(sample) or len(sample))
    return is_letters(next(filled, None)) or any(map(is_text, samples))


def as_strings(sequences: Any) -> list[str]:
    """Return one or more strings as a list, none of them empty.

    Lists of single letters are joined. The strings of Biopython's Seq and SeqRecord are taken.

    Raises
    ------
    TypeError
        If `sequences` is a single string or no list, or if an item is not a string.
    ValueError
        If there is no string, one is empty, or `sequences` is a table.
    """
    if is_text(sequences):
        raise TypeError(f"X must be a list of sequences, got a single {type(sequences).__name__}: wrap it in a list")
    samples = entries(sequences)
    if samples is None:
        if not hasattr(sequences, "shape"):
            raise TypeError(f"X must be a list of sequences, got a {type(sequences).__name__}")
        columns = f" with the columns {list(sequences.columns)}" if is_frame(sequences) else ""
        advice = column_of_sequences(sequences).removesuffix(", or ")
        raise ValueError(
            f"X must be a list of sequences, of shape (n_samples,), or a single column of them; got a "
            f"{type(sequences).__name__} of shape {sequences.shape}{columns}{advice and '; ' + advice}"
        )
    if not samples:
        raise ValueError("Found array with 0 sample(s) (shape=(0,)) while a minimum of 1 is required.")
    return [_as_string(sample, index) for index, sample in enumerate(samples)]


def _as_string(sample: Any, index: int) -> str:
    string = "".join(sample) if is_letters(sample) else sample
    string = string.data if isinstance(string, UserString) else string
    if _is_biopython(string):
        try:
            string = str(getattr(string, "seq", string))
        except ValueError as error:  # Biopython knows the length of some sequences and not their letters
            raise ValueError(f"sequence {index} is a {type(sample).__name__} without letters: {error}") from error
    if is_list(string) and len(string) == 0:
        string = ""
    if not isinstance(string, str):
        advice = "; bytes become a str by .decode()" if isinstance(string, bytes | bytearray) else ""
        advice = "; leave missing sequences out" if not is_list(string) and is_missing(string) else advice
        found = shorten(repr(string), 80)
        raise TypeError(f"sequence {index} is {found} of type {type(string).__name__}: expected a str{advice}")
    if not string:
        raise ValueError(f"sequence {index} is empty")
    return string


def column_names(columns: Columns, X: Any, *, learn: bool) -> None:
    """Learn the name of a column of strings, or compare it with the learned one, where both have a name."""
    if learn and is_frame(X):
        columns.learn(X, skip_check_array=True)
    elif learn:
        columns.count(1)
    elif is_frame(X) and columns.names is not None:
        columns.read(X, skip_check_array=True)


# --- Numbers ---------------------------------------------------------------------------------------------------------


def unpacked(X: Any) -> tuple[Any, Any]:
    """Return the samples in `X`, and a frame whose columns are their channels, or None.

    A series becomes a list. A frame whose cells are series becomes a list of arrays (length, channels), one channel for
    each column; samples that are frames name their channels likewise. Anything else stays as it is.

    Raises
    ------
    TypeError
        If `X` is a number or another container, such as a dict or a deque.
    ValueError
        If the channels of a sample differ in length, or two samples in the names of their channels.
    """
    known = isinstance(X, list | tuple) or hasattr(X, "__array__") or hasattr(X, "shape") or is_frame(X)
    if not known or getattr(X, "shape", None) == ():  # some sparse arrays are mappings, of a shape
        raise TypeError(f"X is a {type(X).__name__}: expected a list, an array or a frame of samples")
    X = in_pandas(X)
    if isinstance(X, torch.Tensor):
        return as_array(X), None
    if is_frame(X) and len(X) and X.shape[1]:
        if not any(np.ndim(cell) for cell in np.asarray(X[:1].to_numpy(), dtype=object)[0]):
            return X, None
        rows = X.to_numpy()
        return [_joined(row, index) for index, row in enumerate(rows)], X
    if not isinstance(X, np.ndarray) and hasattr(X, "to_numpy") and getattr(X, "ndim", 0) == 1:
        X = list(X.to_numpy())
    if isinstance(X, list | tuple) and len(X) and is_frame(X[0]):
        names = list(X[0].columns)
        for index, sample in enumerate(X):
            if not is_frame(sample) or list(sample.columns) != names:
                found = list(sample.columns) if is_frame(sample) else type(sample).__name__
                raise ValueError(f"sample {index} has the channels {found}, but sample 0 has {names}")
        return [sample.to_numpy() for sample in X], X[0]
    return X, None


def _joined(row: np.ndarray, index: int) -> np.ndarray:
    """Join the cells of a row as the channels of a sample."""
    cells = [np.asarray(cell) for cell in row]
    if len(cells) == 1:
        return cells[0]
    shapes = [cell.shape for cell in cells]
    if len(set(shapes)) > 1 or len(shapes[0]) != 1:
        raise ValueError(f"sample {index} has cells of the shapes {shapes}: expected series of one length, (length,)")
    return np.stack(cells, axis=1)


def shape_of(sample: Any, index: int) -> tuple[int, ...]:
    """Return the shape of a sample.

    Raises
    ------
    ValueError
        If it is a list of lists of different lengths.
    """
    try:
        return tuple(np.shape(sample))
    except ValueError as error:
        raise ValueError(f"sample {index} is a list of parts of different lengths: expected an array") from error


def _shapes(X: Any) -> set[tuple[int, ...]]:
    """Return the shapes of the samples in a list or an array of objects; those of other arrays are one."""
    if isinstance(X, list | tuple) or (isinstance(X, np.ndarray) and X.ndim == 1):
        return {shape_of(sample, index) for index, sample in enumerate(X)}
    return {tuple(X.shape[1:])} if hasattr(X, "shape") else set()


def is_table(X: Any) -> bool:
    """Return whether `X` has rows of one length, such as an array of two dimensions."""
    shapes = _shapes(X)
    return len(shapes) == 1 and all(len(shape) == 1 for shape in shapes)


def is_ragged(X: Any) -> bool:
    """Return whether the samples in `X` differ in shape."""
    return len(_shapes(X)) > 1


def possible_kinds(X: Any, image_shape: tuple[int, ...] | None = None) -> list[Kind]:
    """Return the kinds that unpacked samples may be, by the number of their dimensions."""
    if holds_strings(X):
        return ["sequence"]
    if image_shape is not None:
        return ["image"]
    if sp.issparse(X) or not hasattr(X, "__getitem__") or not hasattr(X, "__len__") or len(X) == 0:
        return ["signal"]  # reading it raises the error
    shape = tuple(X.shape[1:]) if len(getattr(X, "shape", ())) > 1 else shape_of(X[0], 0)
    if len(shape) < 2:
        return ["signal"]
    return ["signal", "image"] if len(shape) == 2 else ["image"]


def kind_of(
    X: Any, sample_type: SampleType = "auto", image_shape: tuple[int, ...] | None = None
) -> tuple[Kind, str | None]:
    """Return the kind of unpacked samples, and why it is in doubt; None if it is not.

    Strings are sequences, samples of one dimension are signals, and samples of three dimensions are images. Samples of
    two dimensions are signals (length, channels) in these cases:

    - their widths agree, their lengths differ, and most of them are not square; the width is at most 24, or at most
      half of each length;
    - they have one shape, the width is at most 24 and at most half of the length;
    - they have one shape, and nine of ten rows are from 0 and sum to 1, as letters do, one-hot or as probabilities.

    Else they are images (height, width).

    Raises
    ------
    ValueError
        If `X` cannot be of the kind `sample_type`.
    """
    possible = possible_kinds(X, image_shape)
    if sample_type != "auto":
        if sample_type not in possible:
            rows = sample_type == "image" and possible == ["signal"]
            raise ValueError(
                f"sample_type={sample_type!r}, but X holds {' or '.join(f'{kind}s' for kind in possible)}"
                f"{'; image_shape reads rows of numbers as images' if rows else ''}"
            )
        return sample_type, turned(X) if sample_type == "signal" and "image" in possible else None
    if len(possible) == 1:
        return possible[0], None
    return _kind_of_matrices(X)


def _kind_of_matrices(X: Any) -> tuple[Kind, str | None]:
    ragged = len(getattr(X, "shape", ())) < 3
    shapes = [shape_of(sample, index) for index, sample in enumerate(X)] if ragged else [tuple(X.shape[1:])]
    if any(len(shape) != 2 for shape in shapes):
        return "image", None  # reading it raises the error
    (heights, widths) = (np.array(sizes) for sizes in zip(*shapes, strict=True))
    height, width = int(heights.min()), int(widths[0])
    size = f"{' or '.join(map(str, dict.fromkeys(heights.tolist()[:3])))} x {width}"
    one_width, one_height = bool((widths == width).all()), bool((heights == height).all())
    longer, few = height >= 2 * width, width <= MOST_CHANNELS
    lengths_differ = not one_height and float((heights == widths).mean()) <= 0.5  # if most are square, they are images
    if one_width and ((longer and few) or (lengths_differ and (longer or few)) or (one_height and _are_letters(X))):
        doubt = (
            f"Samples of {size} are read as signals with {width} channels, (length, channels). "
            "sample_type='signal' confirms it, and sample_type='image' reads images of one channel."
        )
        return "signal", doubt if width > 1 else None
    if one_width and not one_height:
        doubt = f"Samples of one width, {size}, are read as images. sample_type='image' confirms it"
        return "image", f"{doubt}, and sample_type='signal' reads signals with {width} channels."
    if one_height and (turned(X) or (height <= MOST_CHANNELS and widths.min() >= 2 * height)):
        doubt = f"Samples of {height} x {width} are read as images of this size. sample_type='image' confirms it"
        channels = f"{height} channel" if height == 1 else f"{height} channels"
        return "image", f"{doubt}; signals with {channels} need the shape (length, channels). {_SWAP}"
    if not one_width and widths.max() <= MOST_CHANNELS and (heights >= 2 * widths).all():
        doubt = f"Samples of different widths, such as {shapes[0][0]} x {width}, are read as images."
        return "image", f"{doubt} sample_type='image' confirms it; signals have one number of channels."
    return "image", None


def turned(X: Any) -> str | None:
    """Return a doubt about signals if the columns of samples, and not their rows, are letters; else None."""
    samples = [np.asarray(sample) for sample in X[:100]]
    if any(sample.ndim != 2 or len(sample) != len(samples[0]) for sample in samples):
        return None
    if not _are_letters([sample.T for sample in samples]):
        return None
    if len({sample.shape for sample in samples}) == 1 and _are_letters(samples):
        return None
    height, width = samples[0].shape
    return (
        f"The columns of samples of {height} x {width}, and not the rows, sum to 1 as letters do, but signals have the "
        f"shape (length, channels). {_SWAP}"
    )


def _are_letters(X: Any) -> bool:
    """Return whether nearly all rows of matrices are from 0 and sum to 1; a sample of them is looked at."""
    rows = np.concatenate([np.asarray(sample) for sample in X[:100]])
    if rows.dtype.kind not in "biuf":
        return False
    letters = (rows >= 0).all(axis=1) & (np.abs(rows.sum(axis=1) - 1) <= _SUM_TO_ONE)
    filled = (rows != 0).any(axis=1)  # rows of zeros are padding
    return rows.shape[1] > 1 and bool(filled.any()) and float(letters[filled].mean()) >= _LETTERS


def channels_first(values: np.ndarray) -> str | None:
    """Return why signals of one length may have their channels first, as in (n_samples, channels, length), else None.

    Few steps of many channels are doubtful if neighbouring channels are alike, as steps of time are, and more so than
    neighbouring steps and than channels far from each other: the order of real channels usually means nothing. One step
    of many channels always is.

    Parameters
    ----------
    values : array of shape (n_samples, length, n_channels)
        NaN where a value is missing.
    """
    length, width = values.shape[1:]
    if length > MOST_CHANNELS or width < max(2 * length, 3):
        return None
    x = values[:100].astype(np.float64)
    known = ~np.isnan(x)
    x = np.where(known, x - x.sum(axis=0, where=known) / np.maximum(known.sum(axis=0), 1), 0.0)
    power = float((x**2).mean())
    along_channels = float((x[:, :, 1:] * x[:, :, :-1]).mean())
    far_channels = float((x[:, :, width // 2 :] * x[:, :, : -(width // 2)]).mean())
    along_steps = float((x[:, 1:] * x[:, :-1]).mean()) if length > 1 else 0.0
    other = max(along_steps, far_channels)
    if length > 1 and not (power and along_channels >= max(_ALIKE * power, other + _MORE * power)):
        return None
    steps = "1 step" if length == 1 else f"{length} steps"
    why = "one step is no series" if length == 1 else "neighbouring channels are as alike as steps of time are"
    return (
        f"Samples of {length} x {width} are read as {steps} of {width} channels, (length, channels), but {why}. {_SWAP}"
    )
