"""The contract of every reader: it learns in ``fit`` what a sample is, is frozen, and reads later samples by that."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, Generic, Self, TypeVar

import numpy as np
import scipy.sparse as sp
import torch
from sklearn.base import BaseEstimator
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from sklearn_ann.reading.annotated import is_annotated, placed
from sklearn_ann.reading.chunks import stream_of
from sklearn_ann.reading.columns import check_rows, first_unreadable, hint_for, is_frame, readable
from sklearn_ann.reading.passes import numbered
from sklearn_ann.training import Examples, Samples, Stream, StreamedSamples


class Learned:
    """A value that learns in one fit and then is frozen, so that predictions depend on nothing later.

    Parameters
    ----------
    owner : str
        Class name of the estimator, for error messages.
    dtype : torch.dtype
        Type of the numbers in samples and targets.
    """

    _frozen = False
    options: dict[str, Any]
    """What it was made of."""

    def __new__(cls, *_: Any, **options: Any) -> Self:
        new = super().__new__(cls)
        vars(new)["options"] = options
        return new

    def __init__(self, *, owner: str, dtype: torch.dtype) -> None:
        self.owner, self.dtype = owner, dtype

    def freeze(self) -> None:
        """Refuse all changes from now on."""
        for part in vars(self).values():
            if isinstance(part, Learned):
                part.freeze()
        vars(self)["_frozen"] = True  # past __setattr__: two values may share a part, which is frozen twice

    def hold_options(self, today: Learned, but: str = "") -> None:
        """Refuse to go on from an earlier fit with other options, `but` for one, than it was made of.

        Raises
        ------
        ValueError
            If an option differs, naming it.
        """
        if type(self) is not type(today):
            raise ValueError(
                f"warm_start=True continues the previous fit of this {self.owner}, but the current parameters read "
                "other samples or targets. Set them back, or use warm_start=False"
            )
        for name, value in today.options.items():
            before = self.options.get(name)
            if isinstance(before, Learned) and isinstance(value, Learned):
                before.hold_options(value)
            elif name not in ("owner", "dtype", but) and not _same(value, before):
                raise ValueError(
                    f"warm_start=True continues the previous fit of this {self.owner}, which had {name}={before!r}; "
                    f"now {name}={value!r}. Set it back, or use warm_start=False"
                )

    def retyped(self, dtype: torch.dtype) -> Self:
        """Return a copy with numbers of another type, for a warm start with another `precision`."""
        if dtype == self.dtype:
            return self
        new = copy.copy(self)
        parts = {name: part.retyped(dtype) for name, part in vars(self).items() if isinstance(part, Learned)}
        vars(new).update(parts, dtype=dtype)
        return new

    def handed_on(self, owner: str, dtype: torch.dtype) -> Self:
        """Return a copy that reads samples for another estimator, by what it has learned."""
        new = copy.copy(self.retyped(dtype))
        parts = {name: part.handed_on(owner, dtype) for name, part in vars(new).items() if isinstance(part, Learned)}
        vars(new).update(parts, owner=owner)
        return new

    def __setattr__(self, name: str, value: Any) -> None:
        if self._frozen:
            raise AttributeError(f"{type(self).__name__} is frozen: {name} was learned in a fit and cannot change")
        super().__setattr__(name, value)

    @property
    def numpy_dtype(self) -> type[np.floating]:
        """`dtype` as a NumPy type."""
        return np.float64 if self.dtype == torch.float64 else np.float32

    @property
    def attributes(self) -> dict[str, Any]:
        """What was learned, as fitted attributes of the estimator."""
        return {}


def _same(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other)
    return (isinstance(one, str | int | float | frozenset) or callable(one)) and bool(one == other)


S = TypeVar("S", bound=Samples)


class Reader(Learned, ABC, Generic[S]):
    """Decides what a sample is.

    A fit makes a reader from its hyper-parameters and calls, in this order, `learn` with all samples,
    `finish` with the samples and their weights and targets, and `freeze`. Validation data, predictions, ``partial_fit``
    and a warm start call `read` alone.

    Attributes
    ----------
    columns : Columns
        Number and names of the features.
    """

    def __init__(self, *, owner: str, dtype: torch.dtype) -> None:
        super().__init__(owner=owner, dtype=dtype)
        self.columns = Columns(owner)

    def stream(self, X: Any) -> Stream | None:
        """Return how to read `X` piece by piece; None if it is read as a whole.

        Raises
        ------
        TypeError
            If `X` is a `Chunks`, or a data set of pyarrow, and this reader needs all samples at once.
        """
        stream = stream_of(X)
        if stream is None or self.in_pieces:
            return stream
        if stream.explicit:
            raise TypeError(
                f"X is a {type(X).__name__}, but {self.owner} learns such samples, or with such parameters, all at "
                "once: give it an array, a frame or AnnData in memory. Chunks are read by AutoEncoderTransformer, "
                "AutoEncoderOutlierDetector, VAESampler of numbers and counts, the classifiers and regressors of "
                "tables (Tabular..., Attention... with attend='columns') and those of images of one size (CNN...)"
            )
        return None

    @property
    def in_pieces(self) -> bool:
        """Whether it can learn and read samples piece by piece, so that they need not be in memory."""
        return False

    def opened(self, X: Any) -> Any:
        """Return `X`, as a stream if it is read piece by piece; what fits in one window is read as a whole."""
        stream = self.stream(X)
        if stream is None:
            return X
        return stream.whole() if stream.fits else stream

    def streamed(self, stream: Stream) -> Any:
        """Return samples that are read piece by piece."""
        return StreamedSamples(stream, self.read)

    def learn_pieces(self, stream: Stream) -> Any:
        """Learn the first piece by `learn`, and check the others by `read`; errors name samples by their place in X."""
        for start, piece in stream.each():
            with numbered(start, piece.shape[0]):
                (self.read if start else self.learn)(piece)
        return self.streamed(stream)

    @abstractmethod
    def learn(self, X: Any, y: Any = None) -> S:
        """Check and encode `X`, and learn what later samples must satisfy.

        Parameters
        ----------
        X : array-like
            The samples.
        y : array-like or None
            The ``y`` of an unsupervised ``fit``, for readers that take a part of the sample from it.
        """

    @abstractmethod
    def read(self, X: Any, y: Any = None) -> S:
        """Check `X` against what was learned, and encode it."""

    def finish(self, examples: Examples[S]) -> Examples[S]:
        """Learn what depends on weights or targets, such as moments, and finish the samples that `learn` returned.

        ``examples.rows`` are the samples with a positive weight; None for all.
        """
        return examples

    @property
    def attributes(self) -> dict[str, Any]:
        """What was learned, as fitted attributes of the estimator; copies of what a user could change."""
        return self.columns.attributes


@lru_cache
def _class_called(name: str) -> type[BaseEstimator]:
    """Return an estimator class of this name: scikit-learn checks feature names only for estimators."""
    return type(name, (BaseEstimator,), {})


def _unusual_labels(X: Any) -> list[str]:
    """Return the names of the columns of a frame as text that any file keeps; none if all are strings."""
    labels = list(X.columns) if is_frame(X) else []
    return [] if all(isinstance(label, str) for label in labels) else [repr(label) for label in labels]


class Columns(Learned):
    """Number and names of the features of X, checked by scikit-learn.

    Features of an AnnData object have the names ``var_names`` and are put in the order of the fit.

    Parameters
    ----------
    owner : str
        Class name of the estimator, for error messages.
    layer : str or None
        Layer of an AnnData object to read; None for its ``X``.
    """

    def __init__(self, owner: str, layer: str | None = None) -> None:
        super().__init__(owner=owner, dtype=torch.float32)
        self.layer = layer
        self.attributes_: dict[str, Any] = {}

    def learn(self, X: Any, **how: Any) -> Any:
        """Learn number and names, and check `X`; `how` are arguments of ``sklearn.utils.check_array``."""
        return self._validated(X, reset=True, **how)

    def read(self, X: Any, **how: Any) -> Any:
        """Check `X`, and compare its number and names with the learned ones."""
        return self._validated(X, reset=False, **how)

    def _validated(self, X: Any, *, reset: bool, **how: Any) -> Any:
        estimator = _class_called(self.owner)()
        vars(estimator).update(self.attributes_)
        X = readable(X)
        labels = _unusual_labels(X)
        if not reset:
            self._check_order(labels)
        check = partial(validate_data, estimator, reset=reset)
        if is_annotated(X):
            X, header = placed(X, None if reset else self.names, self.layer)
            check(header, skip_check_array=True)
            X = X.toarray() if sp.issparse(X) and not how.get("accept_sparse") else X
            check = partial(check_array, estimator=self.owner, input_name="X")
        if how.get("skip_check_array"):
            checked = check(X, **how)
        else:
            checked = self._checked(X, partial(check, **how), how.get("dtype"), estimator)
        if reset:
            self.attributes_ = vars(estimator)
            self._labels = labels
        return checked

    def _check_order(self, labels: list[str]) -> None:
        """Refuse columns in another order whose names are no strings; scikit-learn does not look at these."""
        known = vars(self).get("_labels", [])  # which models of earlier versions have not
        if labels != known and sorted(labels) == sorted(known):
            place = next(place for place, label in enumerate(labels) if label != known[place])
            raise ValueError(
                f"X has the columns of the fit in another order: column {place} is {labels[place]}, in the fit "
                f"{known[place]}"
            )

    @staticmethod
    def _checked(X: Any, check: Callable[[Any], Any], dtype: Any, estimator: BaseEstimator) -> Any:
        """Check numbers; an error says which of them is wrong."""
        check_rows(X)
        try:
            with np.errstate(over="ignore", invalid="ignore"):  # infinity is an error, and no warning before it
                return check(X)
        except (TypeError, ValueError) as error:
            greatest = np.finfo(dtype if isinstance(dtype, type) else np.float64).max
            wrong = first_unreadable(X, float(greatest))
            if wrong is None:
                raise
            value, sample, position = wrong
            name = vars(estimator).get("feature_names_in_", range(position + 1))[position]
            where = f"X has the value {value!r} in sample {sample}, column {name!r}"
            raise type(error)(f"{error} ({where}){hint_for(X, value)}") from error

    def count(self, n_features: int) -> None:
        """Learn a number of features without names, or compare it with the learned one."""
        if not self.attributes_:
            self.attributes_ = {"n_features_in_": n_features}
        elif n_features != self.number:
            raise ValueError(
                f"X has {n_features} features, but {self.owner} is expecting {self.number} features as input"
            )

    @property
    def number(self) -> int:
        """Number of features."""
        return int(self.attributes_["n_features_in_"])

    @property
    def names(self) -> list[str] | None:
        """Names of the features; None if not all have one."""
        names = self.attributes_.get("feature_names_in_")
        return None if names is None else names.tolist()

    def name(self, position: int) -> str:
        """Name of a feature in a figure."""
        return f"column {position}" if self.names is None else self.names[position]

    def phrase(self, position: int) -> str:
        """Name of a feature in a message."""
        return f"column {position}" if self.names is None else f"column {self.names[position]!r}"

    @property
    def attributes(self) -> dict[str, Any]:
        """``n_features_in_`` and, if there are names, ``feature_names_in_``."""
        return self.attributes_
