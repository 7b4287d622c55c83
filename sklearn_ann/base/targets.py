"""What is predicted: targets are learned in ``fit`` like samples, and outputs are turned back into predictions."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
import scipy.sparse as sp
import torch
from scipy.special import expit, softmax
from sklearn.utils import check_array, column_or_1d, compute_class_weight, compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets, unique_labels
from torch import Tensor

from sklearn_ann._warnings import warn
from sklearn_ann.base.entries import missing_entries, plain_targets
from sklearn_ann.base.losses import (
    Loss,
    cross_entropy,
    error_of,
    independent_cross_entropy,
    masked,
    plain,
    with_weight,
)
from sklearn_ann.layers import Average
from sklearn_ann.layers.head import mean_classes, mean_number, mean_odds, mean_rate
from sklearn_ann.reading import Learned
from sklearn_ann.reading.columns import first_unreadable, refuse_mask
from sklearn_ann.reading.scaling import mean_and_scale
from sklearn_ann.training import Error, Samples


class Targets(Learned, ABC):
    """Encodes targets.

    Attributes
    ----------
    n_outputs : int
        Number of outputs that the network needs.
    """

    n_outputs: int
    of_samples: ClassVar[bool] = True
    """Whether a sample has one row of outputs, and not one for each of its steps."""

    @abstractmethod
    def learn(self, y: Any, weight: np.ndarray | None, **options: Any) -> Tensor | Samples:
        """Check and encode `y`, and learn what later targets are held to.

        Targets of different sizes are `Samples`. `weight` has the shape (n_samples,) or (n_samples, n_outputs).
        `options` are the ``classes`` of ``partial_fit``, ``samples``, which were read from X, and ``members``: the
        sample of each row of `y`, which messages name, if a sample has several rows.
        """

    @abstractmethod
    def read(self, y: Any, **options: Any) -> Tensor | Samples:
        """Check `y` against what was learned, and encode it."""

    def weights(self, y: Any, weight: np.ndarray | None = None) -> np.ndarray | None:
        """Return weights of the samples that follow from `y`; they multiply with `weight`, the ``sample_weight``."""
        return None

    def strata(self, target: Any) -> np.ndarray | None:
        """Return what held-out samples are stratified by; `target` is what `learn` or `read` returned."""
        return None

    @property
    @abstractmethod
    def error(self) -> Error:
        """Error of the network's outputs."""

    @property
    def average(self) -> Average:
        """How the outputs of several networks are averaged."""
        return mean_number

    def constant(self, target: Tensor) -> Tensor | None:
        """Return the outputs, (n_outputs,), of the best prediction that is the same for all samples, if it is known."""
        return None

    @property
    def decoder(self) -> Targets:
        """What turns a row of outputs into a prediction."""
        return self

    def renewed(self, today: Self) -> Self:
        """Return what was learned with the class weights and the type of `today`, to go on from an earlier fit."""
        new = copy.copy(self)
        vars(new).update({name: today.options[name] for name in ("class_weight", "dtype") if name in today.options})
        return new

    def _checked(self, y: Any) -> Any:
        """Return `y` as an array; in two dimensions targets may be missing, NaN."""
        if y is None:
            raise ValueError(f"This {self.owner} requires y to be passed, but the target y is None")
        refuse_mask(y, "y")
        y = plain_targets(y)
        how = {"accept_sparse": "csr", "ensure_2d": False, "dtype": None, "input_name": "y", "estimator": self.owner}
        try:
            y = check_array(y, ensure_all_finite="allow-nan", **how)
        except ValueError as error:
            infinite = np.isinf(y) if getattr(y, "dtype", None) in (np.float32, np.float64) else np.zeros(1, dtype=bool)
            if np.ndim(infinite) == 0 or not infinite.any():
                raise
            sample = int(np.argwhere(infinite)[0][0])
            raise ValueError(f"{error} (the target of sample {sample} is infinite)") from error
        if sp.issparse(y) or (y.ndim == 2 and y.shape[1] > 1):
            return y
        missing = np.flatnonzero(missing_entries(y))
        if len(missing):
            raise ValueError(
                f"Input y contains NaN or None: the target of sample {missing[0]} is missing"
                + (f", and {len(missing) - 1} more. " if len(missing) > 1 else ". ")
                + "Leave such samples out; single targets may be missing only where y has several columns."
            )
        return y

    def _entry_weights(self, weight: np.ndarray | None, shape: tuple[int, ...]) -> Tensor | None:
        """Return weights of single outputs, relative to the mean of those of a sample, if there are any."""
        if weight is None or weight.ndim == 1:
            return None
        if weight.shape != shape:
            raise ValueError(f"sample_weight has shape {weight.shape}, but y has shape {shape}: expected one of them")
        mean = weight.mean(axis=1, keepdims=True)  # the weight of the sample
        return torch.as_tensor(np.divide(weight, mean, where=mean > 0, out=np.ones(shape)), dtype=self.dtype)

    @property
    def attributes(self) -> dict[str, Any]:
        """Number of outputs."""
        return {"n_outputs_": self.n_outputs}


def _balanced(labels: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return weights that are inverse to the weight of a class; of several labels, their product."""
    of_sample, present = np.ones(len(labels)), weight > 0
    for column in labels.reshape(len(labels), -1).T:
        classes, codes = np.unique(column[present], return_inverse=True)
        of_class = compute_class_weight("balanced", classes=classes, y=classes[codes], sample_weight=weight[present])
        of_sample[present] *= of_class[codes]
    return of_sample


class ClassTargets(Targets):
    """Classes: two, several, or several labels per sample, of which some may be missing.

    Parameters
    ----------
    class_weight : dict, list of dicts, "balanced" or None

    Attributes
    ----------
    classes : array of shape (n_classes,)
    multilabel : bool
    """

    classes: np.ndarray
    multilabel: bool

    def __init__(self, *, class_weight: Any = None, **common: Any) -> None:
        super().__init__(**common)
        self.class_weight = class_weight

    def learn(self, y: Any, weight: np.ndarray | None, *, classes: Any = None, **options: Any) -> Tensor | Samples:
        """Learn the classes, which are `classes` or those in `y`."""
        y, self.multilabel = self._labels(y)
        self._warn_of_no_labels(y)
        if self.multilabel:
            self.classes = np.arange(y.shape[1])
        else:
            self.classes = unique_labels(y if classes is None else classes)
        self.n_outputs = 1 if self.binary else len(self.classes)
        return self._encoded(y, weight)

    def read(
        self, y: Any, *, weight: np.ndarray | None = None, classes: Any = None, **options: Any
    ) -> Tensor | Samples:
        """Return codes of known classes; `classes` must be those of the first call to ``partial_fit``."""
        if classes is not None and not np.array_equal(self.classes, unique_labels(classes)):
            raise ValueError(f"classes={classes} is not what the first call to partial_fit was given: {self.classes}")
        y, multilabel = self._labels(y)
        if multilabel != self.multilabel or (multilabel and y.shape[1] != len(self.classes)):
            raise ValueError(
                f"y is of shape {y.shape} and holds {'several labels' if multilabel else 'one class'} per sample, but "
                f"this {self.owner} was fitted to {'any number' if self.multilabel else 'one'} of the classes "
                f"{self.classes} per sample"
            )
        return self._encoded(y, weight)

    def _labels(self, y: Any) -> tuple[np.ndarray, bool]:
        y = self._checked(y)
        if not sp.issparse(y) and y.ndim == 2 and y.shape[1] > 1:
            known = y[~missing_entries(y)]
            if len(known) < y.size and np.isin(known, (0, 1)).all():
                return np.where(missing_entries(y), np.nan, y).astype(np.float64), True
            if len(known) < y.size:
                sample = int(missing_entries(y).any(axis=1).argmax())
                raise ValueError(
                    f"Input y contains NaN or None in sample {sample}: labels may be missing only in an indicator "
                    "matrix, of zeros and ones"
                )
        try:
            check_classification_targets(y)
        except (TypeError, ValueError) as error:
            if sp.issparse(y) or y.dtype.kind not in "OSV":
                raise
            kinds = sorted({type(label).__name__ for label in np.ravel(y).tolist()})
            raise TypeError(
                f"y has labels of the types {', '.join(kinds)}: expected text, whole numbers or bools, all of one kind"
                + (", and bytes become text by .decode()" if "bytes" in kinds else "")
            ) from error
        if y.ndim == 2 and y.shape[1] > 1:
            _check_indicator(y)
            return (y.toarray() if sp.issparse(y) else y), True
        return column_or_1d(y, warn=True), False

    def _warn_of_no_labels(self, y: np.ndarray) -> None:
        """Warn of labels that are empty texts, and of columns without a label."""
        if self.multilabel:
            empty = np.flatnonzero(missing_entries(y).all(axis=0))
            what = "y has no label in column {}: all are missing, and predictions of this column mean nothing"
        elif y.dtype.kind in "UO":
            empty = np.flatnonzero([isinstance(label, str) and not label.strip() for label in y.tolist()])
            what = "y has an empty text in sample {}, which counts as a class: leave out samples without a label"
        else:
            return
        if len(empty):
            warn(what.format(empty[0]))

    def _encoded(self, y: np.ndarray, weight: np.ndarray | None) -> Tensor | Samples:
        if self.multilabel:
            values = torch.as_tensor(np.array(y, dtype=np.float64), dtype=self.dtype)
            return with_weight(values, self._entry_weights(weight, y.shape))
        self._entry_weights(weight, y.shape)
        unknown = np.setdiff1d(y, self.classes)
        if len(unknown):
            raise ValueError(f"y has the labels {unknown}, which were not in fit: expected labels among {self.classes}")
        codes = torch.from_numpy(np.searchsorted(self.classes, y))  # (n_samples,)
        return codes[:, None].to(self.dtype) if self.binary else codes

    def weights(self, y: Any, weight: np.ndarray | None = None) -> np.ndarray | None:
        """Return the weights of the samples' classes; ``"balanced"`` weighs the classes as `weight` counts them."""
        if self.class_weight is None:
            return None
        labels, multilabel = self._labels(y)
        if multilabel and missing_entries(labels).any():
            raise ValueError("class_weight needs all labels, but some are missing (NaN): give sample_weight instead")
        of_class: np.ndarray
        if isinstance(self.class_weight, list) and not multilabel:
            raise ValueError(
                f"class_weight={self.class_weight} is a list, of one dict for each of several labels per sample, but y "
                f"has one class per sample: expected a dict, such as {{{labels.tolist()[0]!r}: 2.0}}"
            )
        if isinstance(self.class_weight, str) and weight is not None and weight.ndim == 1:
            of_class = _balanced(labels, weight)
        else:
            try:
                of_class = compute_sample_weight(self.class_weight, labels)
            except (AttributeError, TypeError, ValueError) as error:
                raise ValueError(f"class_weight={self.class_weight!r} does not fit y: {error}") from error
        if not (np.isfinite(of_class).all() and (of_class >= 0).all()):
            raise ValueError(f"class_weight must be finite and not negative, got {self.class_weight}")
        return of_class

    def strata(self, target: Tensor) -> np.ndarray | None:
        """Return the classes, unless a sample may have several."""
        return None if self.multilabel else target.numpy().ravel()

    def constant(self, target: Tensor) -> Tensor:
        """Return the logits of the shares of the classes."""
        if not target.is_floating_point():  # codes of one class, or of three and more
            return torch.bincount(target, minlength=self.n_outputs).to(self.dtype).div(len(target)).log()
        return torch.logit(target.nanmean(dim=0), eps=1e-6)

    @property
    def binary(self) -> bool:
        """Whether one output tells two classes apart."""
        return not self.multilabel and len(self.classes) == 2

    @property
    def error(self) -> Error:
        """Cross-entropy, in nats."""
        if self.multilabel:
            return partial(masked, independent_cross_entropy, 1)
        return partial(plain, independent_cross_entropy, 1) if self.binary else cross_entropy

    @property
    def average(self) -> Average:
        """Of probabilities, as logits."""
        return mean_odds if self.multilabel or self.binary else mean_classes

    def decisions(self, logits: np.ndarray) -> np.ndarray:
        """Turn outputs into log-odds of the second class, of each label, or into the logits of several classes."""
        return logits[:, 0] if self.binary else logits

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Turn outputs into probabilities, in float64: rows sum to one, and different logits stay different."""
        logits = logits.astype(np.float64)
        if self.multilabel:
            return np.asarray(expit(logits))
        both = np.hstack([expit(-logits), expit(logits)]) if self.binary else softmax(logits, axis=1)
        return np.asarray(both)

    def predictions(self, logits: np.ndarray) -> np.ndarray:
        """Turn outputs into labels; samples without outputs, NaN, have NaN or, among labels of text, None."""
        absent = np.isnan(logits).any(axis=1)
        if self.multilabel:
            labels = (logits > 0).astype(int)
        else:
            codes = (logits[:, 0] > 0).astype(int) if self.binary else np.nan_to_num(logits).argmax(axis=1)
            labels = np.asarray(self.classes[codes])
        if absent.any():
            numbers = labels.dtype.kind in "biuf"
            labels = labels.astype(np.float64 if numbers else object)
            labels[absent] = np.nan if numbers else None
        return labels

    @property
    def attributes(self) -> dict[str, Any]:
        """Classes and number of outputs."""
        return super().attributes | {"classes_": self.classes}


class NumberTargets(Targets):
    """Numbers, one or several per sample; of several, some may be missing.

    They are standardised, or, for Poisson regression, divided by their mean.

    Parameters
    ----------
    loss : {"squared_error", "absolute_error", "huber", "quantile", "poisson"}
    quantile : float in (0, 1)
    """

    def __init__(self, *, loss: Loss = "squared_error", quantile: float = 0.5, **common: Any) -> None:
        super().__init__(**common)
        self.loss, self.quantile = loss, quantile

    def learn(
        self, y: Any, weight: np.ndarray | None, *, members: np.ndarray | None = None, **options: Any
    ) -> Tensor | Samples:
        """Learn mean and standard deviation of each output."""
        y, self._shape = self._numbers(y, members)
        self.n_outputs = y.shape[1]
        self._mean, self._scale = np.zeros(self.n_outputs), np.ones(self.n_outputs)
        for output in range(self.n_outputs):
            there = ~np.isnan(y[:, output])
            if not there.any():
                raise ValueError(f"y has no target in column {output}: all are missing")
            entries = None if weight is None else (weight if weight.ndim == 1 else weight[:, output])[there]
            if entries is not None and not entries.any():
                raise ValueError(f"y has no target of a positive sample_weight in column {output}")
            mean, scale = mean_and_scale(y[there, output], entries, "y")
            self._mean[output], self._scale[output] = mean, scale
        if self.loss == "poisson":
            self._scale = np.where(self._mean > 0, self._mean, 1.0)
            self._mean = np.zeros(self.n_outputs)
        return self._encoded(y, weight)

    def read(
        self, y: Any, *, weight: np.ndarray | None = None, members: np.ndarray | None = None, **options: Any
    ) -> Tensor | Samples:
        """Return as many outputs, in the units of the fit."""
        y, _ = self._numbers(y, members)
        if y.shape[1] != self.n_outputs:
            raise ValueError(f"y has {y.shape[1]} columns, but {self.owner} was fitted to {self.n_outputs}")
        return self._encoded(y, weight)

    def _numbers(self, y: Any, members: np.ndarray | None) -> tuple[np.ndarray, tuple[int, ...]]:
        y = self._checked(y)
        if sp.issparse(y):
            raise TypeError("y is a sparse matrix, but a dense array was expected: use y.toarray()")
        members = np.arange(len(y)) if members is None else members
        if y.dtype.kind in "mM":
            raise ValueError(f"y is of {y.dtype}, but targets are numbers, such as the days since a date")
        if y.dtype == object:
            y = np.where(missing_entries(y), np.nan, y)
        try:
            values = np.asarray(y, dtype=np.float64).reshape(len(y), -1)  # (n_samples, n_outputs)
        except OverflowError as error:
            raise ValueError(f"y has numbers that are too large for float64: {error}") from error
        except (TypeError, ValueError) as error:
            wrong = first_unreadable(np.where(missing_entries(y), 0, y.astype(object)).reshape(len(y), -1), np.inf)
            if wrong is None:
                raise
            value, sample = wrong[0], members[wrong[1]]
            raise type(error)(f"y has the value {value!r} in sample {sample}, but targets are numbers") from error
        if self.loss == "poisson" and (values < 0).any():
            row = int((values < 0).any(axis=1).argmax())
            raise ValueError(
                f"loss='poisson' is for targets from 0, but the target of sample {members[row]} is {y[row]}"
            )
        return values, y.shape[1:]

    def _encoded(self, y: np.ndarray, weight: np.ndarray | None) -> Tensor | Samples:
        values = torch.as_tensor((y - self._mean) / self._scale, dtype=self.dtype)
        return with_weight(values, self._entry_weights(weight, y.shape))

    def constant(self, target: Tensor) -> Tensor:
        """Return the mean, which is zero, or the quantile without weights."""
        if self.loss in ("squared_error", "huber", "poisson"):
            return torch.zeros(self.n_outputs, dtype=self.dtype)
        return target.nanquantile(self.quantile if self.loss == "quantile" else 0.5, dim=0)

    @property
    def error(self) -> Error:
        """The error that `loss` names, a mean over the outputs; of standardised targets."""
        single = error_of(self.loss, self.quantile)
        return partial(plain if self.n_outputs == 1 else masked, single, self.n_outputs)

    @property
    def average(self) -> Average:
        """Of numbers; of the means that ``loss="poisson"`` has the logarithms of."""
        return mean_rate if self.loss == "poisson" else mean_number

    def predictions(self, outputs: np.ndarray) -> np.ndarray:
        """Turn outputs into numbers in their own unit; refuse those that are infinite, naming the sample."""
        with np.errstate(over="ignore"):  # checked below
            outputs = np.exp(outputs.astype(np.float64)) if self.loss == "poisson" else outputs
            values: np.ndarray = np.asarray(outputs * self._scale + self._mean)
        infinite = np.isinf(values).any(axis=1)
        if infinite.any():
            raise ValueError(
                f"the prediction for sample {infinite.argmax()} is infinite: values of this sample are too far from "
                "those in fit"
            )
        return np.reshape(values, (len(values), *self._shape))


def _check_indicator(y: Any) -> None:
    """Refuse labels in several columns other than zeros and ones, which sparse matrices store."""
    wrong = np.argwhere(~np.isin(y.toarray() if sp.issparse(y) else y, (0, 1)))
    if len(wrong):
        row, column = wrong[0]
        value = y[row, column]
        value = value.item() if hasattr(value, "item") else value
        raise ValueError(
            f"y should be a 1d array of classes, or an indicator matrix of zeros and ones, in which NaN is a missing "
            f"label; got shape {y.shape} with the value {value!r} in sample {row}, column {column}"
        )
