"""Samples that are read from outside memory while a network learns from them or predicts."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import islice, pairwise
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from sklearn_ann.training.data import Rows, Samples

WINDOW = 64 * 2**20
"""Bytes of samples that are in memory, and shuffled, together."""

_SAMPLE = re.compile(r"\bsample (\d+)\b")


class Stream(ABC):
    """Samples outside memory, read piece by piece.

    A piece is some consecutive samples. The pieces of one run can only be read one after another; the runs can be read
    in any order.

    Attributes
    ----------
    explicit : bool
        Whether somebody has asked for pieces by name, and not only for a file that could be read as a whole too.
    window : int
        Bytes of samples that are in memory together.
    starts : int64 array of shape (n_pieces + 1,)
        The first sample of each piece, and the number of samples.
    runs : int array of shape (n_pieces,)
        The run of each piece, rising.
    bytes_of_sample : int
        Memory that a sample takes, about.
    """

    explicit = False
    window = WINDOW
    starts: np.ndarray
    runs: np.ndarray
    bytes_of_sample: int

    @abstractmethod
    def open(self, run: int) -> Iterator[Any]:
        """Yield the pieces of a run, none of them empty."""

    @abstractmethod
    def joined(self, pieces: list[Any]) -> Any:
        """Return pieces as one, in the form in which samples in memory are given to an estimator."""

    def __len__(self) -> int:
        return int(self.starts[-1])

    @property
    def n_pieces(self) -> int:
        """Number of pieces."""
        return len(self.runs)

    @property
    def samples_of_window(self) -> int:
        """Number of samples that are in memory together."""
        return max(1, self.window // max(1, self.bytes_of_sample))

    @property
    def fits(self) -> bool:
        """Whether all samples fit in one window."""
        return len(self) <= self.samples_of_window

    def whole(self) -> Any:
        """Return all samples as if they had been given in memory."""
        return self.joined(list(self.pieces(range(self.n_pieces))))

    def each(self) -> Iterator[tuple[int, Any]]:
        """Yield the number of the first sample and the samples of each piece in turn."""
        for number, piece in enumerate(self.pieces(range(self.n_pieces))):
            yield int(self.starts[number]), self.joined([piece])

    def pieces(self, numbers: Sequence[int]) -> Iterator[Any]:
        """Yield the pieces of these numbers.

        Raises
        ------
        ValueError
            If a piece has not as many samples as when they were counted.
        """
        begun: dict[int, tuple[int, Iterator[Any]]] = {}  # the next piece of runs that are not at their end
        for number in numbers:
            run = int(self.runs[number])
            place, source = begun.pop(run, (len(self.runs), iter(())))
            if number < place:
                place, source = int(np.searchsorted(self.runs, run)), self.open(run)
            while place <= number:
                piece = next(source, None)
                self._check(place, 0 if piece is None else _size(piece))
                place += 1
            yield piece
            if place < np.searchsorted(self.runs, run, side="right"):
                begun[run] = place, source
            elif next(source, None) is not None:
                raise ValueError(f"X has more than the {len(self)} samples that it had at first: it has changed since")

    def _check(self, number: int, size: int) -> None:
        start, stop = (int(place) for place in self.starts[number : number + 2])
        if size != stop - start:
            raise ValueError(
                f"samples {start} to {stop - 1} of X were {stop - start} at first and are {size} now: X must not "
                "change while it is read, and must yield the same chunks each time"
            )


class StreamedSamples(Samples):
    """Samples of a stream; those of a window are in memory together, and the next window is read on a thread.

    Batches of one window are mixed. The windows of an epoch are made of runs in random order. Together this mixes
    samples well that are not sorted, or sorted in runs that are small beside a window. A stream that fits in one window
    is read once and then mixed like samples in memory, with the same result bit for bit.

    Parameters
    ----------
    stream : Stream
    encode : callable
        Returns samples in memory for what ``stream.joined`` returns.
    """

    multiple = Rows.multiple
    streamed = True

    def __init__(self, stream: Stream, encode: Callable[[Any], Samples]) -> None:
        self.stream, self.encode = stream, encode
        self._held: tuple[list[int], Samples] | None = None
        self._ends = torch.from_numpy(stream.starts[1:].astype(np.int64))
        self._sizes = np.diff(stream.starts)

    def __len__(self) -> int:
        return len(self.stream)

    def __getitem__(self, index: Tensor) -> Any:
        with closing(self.cut([index])) as batches:
            return next(batches)

    def windows(self) -> Iterator[tuple[slice, Samples]]:
        """Yield the samples of one window after another."""
        numbers, size = range(self.stream.n_pieces), 0
        windows: list[list[int]] = []
        for number in numbers:
            if not windows or size >= self.stream.samples_of_window:
                windows.append([])
                size = 0
            windows[-1].append(number)
            size += int(self._sizes[number])
        with closing(self._loaded(windows)) as loaded:
            for pieces, window in zip(windows, loaded, strict=True):
                yield slice(*(int(self.stream.starts[i]) for i in (pieces[0], pieces[-1] + 1))), window

    def to(self, device: torch.device) -> Self:
        """Batches move one by one."""
        return self

    def sorted(self, index: Tensor) -> Tensor:
        """Put samples in the order in which they are stored."""
        return index if self.stream.fits else index.sort().values

    def arranged(self, order: Tensor, n_batches: int) -> Sequence[Tensor]:
        """Divide samples, given in random `order`, into batches of one window each."""
        if self.stream.fits:
            return order.tensor_split(n_batches)
        piece = torch.bucketize(order, self._ends, right=True)
        runs = torch.from_numpy(self.stream.runs.astype(np.int64))
        # A run comes when the first of its samples would come.
        first = torch.full((int(runs[-1]) + 1,), len(order))
        first.scatter_reduce_(0, runs[piece], torch.arange(len(order)), "amin")
        size = -(-len(order) // n_batches)
        window = self._windows_of(np.lexsort((np.arange(len(runs)), first[runs].numpy())), piece.bincount(), size)
        place = window[piece.numpy()]
        mixed = order[torch.from_numpy(np.argsort(place, kind="stable"))]
        parts = mixed.split(np.bincount(place).tolist())
        return [batch for part in parts if len(part) for batch in part.tensor_split(-(-len(part) // size))]

    def _windows_of(self, pieces: np.ndarray, chosen: Tensor, size: int) -> np.ndarray:
        """Return the window of each piece; a window has a batch of `size` samples at least."""
        window = np.zeros(len(pieces), dtype=np.uint16)  # for which NumPy sorts in linear time
        counts = chosen.tolist() + [0] * (len(pieces) - len(chosen))
        number = in_memory = taken = 0
        for piece in pieces.tolist():
            if counts[piece] == 0:
                continue
            if in_memory >= self.stream.samples_of_window and taken >= size and number < np.iinfo(np.uint16).max:
                number, in_memory, taken = number + 1, 0, 0
            window[piece] = number
            in_memory += int(self._sizes[piece])
            taken += counts[piece]
        if taken < size:  # the last one
            window[window == number] = max(0, number - 1)
        return window

    def cut(self, indices: Sequence[Tensor]) -> Generator[Any]:
        """Yield one batch per index; the thread that reads ahead ends with the iterator."""
        windows = self._walk(indices)
        batches = iter(indices)
        shift = torch.zeros(self.stream.n_pieces, dtype=torch.int64)
        with closing(self._loaded([pieces for _, pieces in windows])) as loaded:
            for n_batches, pieces in windows:
                window = next(loaded)
                sizes = self._sizes[pieces]
                shift[pieces] = torch.from_numpy(np.cumsum(sizes) - sizes - self.stream.starts[pieces])
                for index in islice(batches, n_batches):
                    yield window[index + shift[torch.bucketize(index, self._ends, right=True)]]
                del window  # before the next one is there

    def _walk(self, indices: Sequence[Tensor]) -> list[tuple[int, list[int]]]:
        """Return how many batches each window has, and its pieces; a batch is in one window."""
        if self.stream.fits:
            return [(len(indices), list(range(self.stream.n_pieces)))]
        windows: list[tuple[int, list[int]]] = []
        n_batches, pieces, size = 0, set[int](), 0
        for index in indices:
            new = set(torch.bucketize(index, self._ends, right=True).unique().tolist())
            if not new <= pieces:
                if size >= self.stream.samples_of_window:
                    windows.append((n_batches, sorted(pieces)))
                    n_batches, pieces = 0, set()
                pieces |= new
                size = int(self._sizes[list(pieces)].sum())
            n_batches += 1
        return [*windows, (n_batches, sorted(pieces))]

    def _loaded(self, windows: list[list[int]]) -> Generator[Samples]:
        """Yield the samples of each window, while a thread reads the next one."""
        if len(windows) == 1:
            if self._held is None or self._held[0] != windows[0]:
                self._held = None
                self._held = windows[0], self._encoded(*self._reading(windows)())
            yield self._held[1]
            return
        self._held = None
        read = self._reading(windows)
        with ThreadPoolExecutor(1, thread_name_prefix="sklearn_ann") as pool:
            ahead = pool.submit(read)
            for left in reversed(range(len(windows))):
                pieces, raw = ahead.result()
                if left:
                    ahead = pool.submit(read)
                # Not on the thread: checks of scikit-learn change the filters of warnings, which are the process's.
                window = self._encoded(pieces, raw)
                del raw
                yield window
                del window

    def _reading(self, windows: list[list[int]]) -> Callable[[], tuple[list[int], Any]]:
        """Return a function that reads one window after another; a piece of two that follow each other is read once."""
        new = [sorted(set(pieces) - set(before)) for before, pieces in pairwise([[], *windows])]
        source = self.stream.pieces([number for pieces in new for number in pieces])
        waiting = zip(windows, new, [*windows[1:], []], strict=True)
        kept: dict[int, Any] = {}

        def read() -> tuple[list[int], Any]:
            pieces, unread, later = next(waiting)
            found = kept | {number: next(source) for number in unread}
            kept.clear()
            kept.update((number, found[number]) for number in set(later) & set(pieces))
            return pieces, self.stream.joined([found[number] for number in pieces])

        return read

    def _encoded(self, pieces: list[int], raw: Any) -> Samples:
        try:
            with torch.inference_mode(False):  # a window that a prediction has read may serve a training
                return self.encode(raw)
        except (TypeError, ValueError) as error:
            sizes = self._sizes[pieces]
            places = np.concatenate([np.arange(size) for size in sizes]) + np.repeat(self.stream.starts[pieces], sizes)
            raise located(error, places) from error


def located(error: Exception, places: Any) -> Exception:
    """Return an error that names samples by their numbers in the whole of X, for one that numbers them in a part.

    Parameters
    ----------
    error : Exception
    places : array of int
        The number in X of each sample in the part.
    """

    def place(match: re.Match[str]) -> str:
        number = int(match[1])
        return f"sample {places[number]}" if number < len(places) else match[0]

    kind = TypeError if isinstance(error, TypeError) else ValueError
    return kind(_SAMPLE.sub(place, str(error)))


def _size(piece: Any) -> int:
    return int(piece.shape[0])
