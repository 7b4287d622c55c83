"""Vectors of the categories of a table, learned by predicting a target."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator
from numbers import Integral
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import torch
from scipy.linalg import orthogonal_procrustes
from sklearn.model_selection import KFold, StratifiedKFold, check_cv
from sklearn.utils import Tags, _safe_indexing, check_array
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import (
    _check_feature_names_in,
    _check_sample_weight,
    check_is_fitted,
    column_or_1d,
    validate_data,
)
from torch import Tensor, nn

from sklearn_ann import training
from sklearn_ann.base.parameters import DropProbability, LayerSizes, PositiveFloat, PositiveInt
from sklearn_ann.base.supervised import (
    NeuralSupervised,
    WithHead,
    cross_entropy,
    mean_and_scale,
    mean_squared_error,
)
from sklearn_ann.embedding.table import TableBody, TableRows
from sklearn_ann.layers import layer_widths
from sklearn_ann.preprocessing import columns


def default_width(n_categories: int) -> int:
    """The fourth root of the number of categories, rounded up."""
    return max(1, int(np.ceil(n_categories**0.25)))


def aligned(vectors: np.ndarray, onto: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Move and turn vectors as a rigid body so that they lie as near as they can to others.

    Parameters
    ----------
    vectors, onto : arrays of shape (n, width)
    weight : array of shape (n,)
        What each pair counts; the sum is above zero.
    """
    centre, target = (np.average(rows, axis=0, weights=weight) for rows in (vectors, onto))
    root = np.sqrt(weight)[:, None]
    rotation, _ = orthogonal_procrustes(root * (vectors - centre), root * (onto - target))
    moved: np.ndarray = (vectors - centre) @ rotation + target
    return moved.astype(onto.dtype)


class EntityEmbeddingTransformer(NeuralSupervised):
    """Vectors in place of the categories of a table, learned by predicting the target.

    Each categorical column gets a table with a vector for each category. A dense network that reads these vectors, and
    the columns of numbers, is trained to predict y; the tables are trained with it [1]_. Categories that y does not
    tell apart come to lie near each other. ``transform`` puts the vectors in the place of the categories and returns
    the numbers as they are, for any other estimator.

    ``fit(X, y).transform(X)`` is not ``fit_transform(X, y)``. The latter fits again without each of `cv` parts of the
    samples and takes the vectors of a part from the fit that has not seen its targets, as scikit-learn's
    ``TargetEncoder`` does: otherwise what is learned from the vectors would trust them more than new samples warrant,
    the more the rarer the categories. The vectors of the parts are moved and turned, as a rigid body, as near to those
    of the whole as they can be, so that they can be compared with each other and with what ``transform`` returns. A
    pipeline calls ``fit_transform`` by itself.

    A category that was not in ``fit`` has the mean of the vectors of those that were. Missing values, which are None,
    NaN, NaT and pandas' NA, are a category of their own if there are any in ``fit``, else as unknown. A missing number
    is an error.

    Parameters
    ----------
    categorical_features : "auto", or list of int, str or bool
        The categorical columns, by position, by name in a frame, or by a bool for each column. ``"auto"`` goes by the
        type: object, string, category and bool in a frame or an array. Of an array of objects, or a list of lists,
        these are the columns with anything but numbers. Without any, ``transform`` returns X as it is.

    n_components : "auto" or int
        Width of the vectors of each column. ``"auto"``: the fourth root of the number of its categories, rounded up.
        More may help a network, but rarely a forest.

    target_type : {"auto", "continuous", "binary", "multiclass"}
        What y is; ``"auto"`` as ``sklearn.utils.multiclass.type_of_target`` finds. Numbers are standardised.

    cv : int, splitter or iterable
        Parts of the samples in ``fit_transform``, 2 or more, with a share of each class where y is classes; or what
        makes them, as in scikit-learn.

    shuffle : bool
        Whether the samples are shuffled before they are parted into `cv`, an int.

    hidden_layer_sizes : int or tuple of ints
        Widths of the hidden layers.

    dropout : float
        Probability, in [0, 1), to drop a hidden unit while training.

    Attributes
    ----------
    categories_ : list of arrays
        The categories of each categorical column, sorted.

    embeddings_ : list of arrays of shape (n_categories + 2, width)
        The vectors of each categorical column: those of the categories, then that of missing values, then that of
        unknown categories.

    target_type_ : str
        What y is.

    classes_ : array of shape (n_classes,) or None
        The labels, where y is classes.

    References
    ----------
    .. [1] Guo, C. and Berkhahn, F. (2016). Entity embeddings of categorical variables. arXiv:1604.06737.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_ann import EntityEmbeddingTransformer
    >>> rng = np.random.default_rng(0)
    >>> X = rng.choice(["lion", "tiger", "rose", "tulip"], size=(200, 1)).astype(object)
    >>> y = np.isin(X[:, 0], ["lion", "tiger"])
    >>> embedding = EntityEmbeddingTransformer(random_state=0)
    >>> forest = make_pipeline(embedding, RandomForestClassifier(random_state=0)).fit(X, y)
    >>> forest.predict([["tiger"], ["tulip"]])
    array([ True, False])
    >>> embedding.get_feature_names_out()
    array(['x0_0', 'x0_1'], dtype=object)
    """

    categorical_features: Any = "auto"
    n_components: PositiveInt | Literal["auto"] = "auto"
    target_type: Literal["auto", "continuous", "binary", "multiclass"] = "auto"
    cv: Annotated[Any, "cv_object"] = 5
    shuffle: bool = True
    hidden_layer_sizes: LayerSizes = (64,)
    dropout: DropProbability = 0.1
    max_epochs: PositiveInt = 20
    learning_rate: PositiveFloat = 3e-3
    learning_rate_schedule: training.Schedule = "cosine"

    _known_categories: ClassVar[list[np.ndarray] | None] = None
    _known_classes: ClassVar[np.ndarray | None] = None
    """The categories and classes of the whole, where the fit is on a part of the samples."""

    # --- The three questions ---------------------------------------------------------------------------------------

    def _read(self, X: Any, *, reset: bool) -> tuple[np.ndarray, np.ndarray]:
        """Codes of the categorical columns and the others as they are."""
        table = columns.as_table(X)
        validate_data(self, table, reset=reset, skip_check_array=True)
        if reset:
            self._categorical = columns.categorical_positions(table, self.categorical_features)
            self.categories_ = self._known_categories or [
                columns.find_categories(columns.column(table, position), self._name(position))
                for position in self._categorical
            ]
        codes = np.empty((len(table), len(self._categorical)), dtype=np.int64)
        for place, (position, known) in enumerate(zip(self._categorical, self.categories_, strict=True)):
            codes[:, place] = columns.encode(columns.column(table, position), known, self._name(position))
        numeric = [position for position in range(table.shape[1]) if position not in self._categorical]
        return codes, columns.numbers(table, numeric)

    def _name(self, position: int) -> str:
        return str(self.feature_names_in_[position] if hasattr(self, "feature_names_in_") else position)

    def _encode(self, X: Any, *, reset: bool) -> TableRows:
        codes, numbers = self._read(X, reset=reset)
        return TableRows(torch.from_numpy(codes), torch.from_numpy(numbers.astype(np.float64)))

    def _examples(
        self, X: Any, y: Any, sample_weight: Any, *, reset: bool, **target_options: Any
    ) -> tuple[training.Examples, Tensor | None]:
        examples, target = super()._examples(X, y, sample_weight, reset=reset, **target_options)
        samples: Any = examples.samples
        numbers = samples.numbers.numpy()
        if reset:
            weight = None if examples.weight is None else examples.weight.numpy()
            moments = mean_and_scale(numbers, weight, "X") if numbers.size else (np.zeros(0), np.ones(0))
            self._mean: np.ndarray = moments[0]
            self._scale: np.ndarray = moments[1]
        standardised = torch.as_tensor((numbers - self._mean) / self._scale, dtype=self._dtype)
        return dataclasses.replace(examples, samples=TableRows(samples.codes, standardised)), target

    def _encode_target(
        self, y: Any, sample_weight: np.ndarray | None, *, reset: bool
    ) -> tuple[Tensor | None, np.ndarray | None]:
        y = column_or_1d(self._check_target(y), warn=True)
        if reset:
            self.target_type_ = self._find_target_type(y)
            self.classes_ = None
            if self.target_type_ != "continuous":
                self.classes_ = np.unique(y) if self._known_classes is None else self._known_classes
                if len(self.classes_) == 1:
                    raise ValueError(f"y has one class only, {self.classes_[0]}: there is nothing to learn")
            self.n_outputs_ = 1 if self.classes_ is None else len(self.classes_)
        if self.classes_ is not None:
            unknown = np.setdiff1d(y, self.classes_)
            if len(unknown):
                raise ValueError(f"y has the unknown labels {unknown}; known are {self.classes_}")
            return torch.from_numpy(np.searchsorted(self.classes_, y)), sample_weight
        y = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")[:, None]
        if reset:
            self._y_mean, self._y_scale = mean_and_scale(y, sample_weight, "y")
        return torch.as_tensor((y - self._y_mean) / self._y_scale, dtype=self._dtype), sample_weight

    def _find_target_type(self, y: np.ndarray) -> str:
        found = type_of_target(y, input_name="y", raise_unknown=True)
        if self.target_type == "continuous" and y.dtype.kind not in "biuf":
            raise ValueError(f"target_type='continuous' needs numbers in y, got the labels {np.unique(y)[:3]}")
        if self.target_type == "binary" and len(np.unique(y)) > 2:
            raise ValueError(f"target_type='binary' but y has {len(np.unique(y))} classes")
        if self.target_type != "auto":
            return self.target_type
        if found not in ("binary", "multiclass", "continuous"):
            raise ValueError(f"y is of type {found!r}: expected 'binary', 'multiclass' or 'continuous'")
        return str(found)

    def _strata(self, target: Tensor | None) -> np.ndarray | None:
        return None if self.classes_ is None or target is None else target.numpy()

    def _build_body(self, samples: training.Samples) -> tuple[nn.Module, int]:
        n_categories = [len(known) for known in self.categories_]
        widths = [default_width(n) if self.n_components == "auto" else self.n_components for n in n_categories]
        hidden = layer_widths(self.hidden_layer_sizes)
        n_numbers = self.n_features_in_ - len(n_categories)
        body = TableBody(n_categories, widths, n_numbers, hidden, self.dropout)
        return body, hidden[-1] if hidden else sum(widths) + n_numbers

    def _error(self) -> training.Error:
        return mean_squared_error if self.classes_ is None else cross_entropy

    def _results(self, run: training.Training, module: nn.Module) -> dict[str, Any]:
        tables: Any = module.body.tables  # type: ignore[union-attr]
        return super()._results(run, module) | {
            "embeddings_": [table.rows().numpy(force=True).astype(self._numpy_dtype) for table in tables]
        }

    # --- What it is for --------------------------------------------------------------------------------------------

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for one epoch more, on these samples alone, with the categories and classes of the first call.

        Parameters
        ----------
        X, y, sample_weight : as in ``fit``
            The samples, their targets, and what each sample counts.

        Returns
        -------
        self
        """
        return self._fit(X, y, sample_weight=sample_weight, incremental=True)

    def transform(self, X: Any) -> np.ndarray:
        """Put the vectors in the place of the categories.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        array of shape (n_samples, n_features_out)
            The columns in their order. Its type holds all numbers of X exactly, and the vectors in that of `precision`.
        """
        check_is_fitted(self)
        return self._replaced(*self._read(X, reset=False), self.embeddings_)

    def fit_transform(self, X: Any, y: Any, sample_weight: Any = None) -> np.ndarray:
        """Fit, and put in the place of the categories vectors that have not seen the sample's own target.

        Parameters
        ----------
        X, y, sample_weight : as in ``fit``
            The samples, their targets, and what each sample counts.

        Returns
        -------
        array of shape (n_samples, n_features_out)
            Not what ``transform`` returns: each of `cv` parts has the vectors of a fit without it.
        """
        self._validate_params()
        start = copy.deepcopy(training.as_random_state(self.random_state))
        self.fit(X, y, sample_weight)
        codes, numbers = self._read(X, reset=False)
        if not self._categorical:
            return self._replaced(codes, numbers, [])
        # Not a clone, which would have this one's callbacks and a copy of `cv`, which may be a generator.
        settings = {"categorical_features": self._categorical, "warm_start": False}
        part = type(self)(**self.get_params(deep=False) | settings)
        part.__dict__.update(_known_categories=self.categories_, _known_classes=self.classes_)
        y, weight = np.asarray(y), None if sample_weight is None else _check_sample_weight(sample_weight, codes)
        rows, places = [], []
        for train, test in self._parts(codes, y, copy.deepcopy(start)):
            part.set_params(random_state=copy.deepcopy(start))  # the same initial tables in all fits
            part.fit(_safe_indexing(X, train), y[train], None if weight is None else weight[train])
            tables = self._in_the_same_frame(part, codes[train])
            rows.append(self._replaced(codes[test], numbers[test], tables))
            places.append(test)
        order = np.concatenate(places)
        if not np.array_equal(np.sort(order), np.arange(len(codes))):
            raise ValueError(f"cv={self.cv!r} must put each sample into one part and no other")
        return np.concatenate(rows)[np.argsort(order)]

    def _parts(
        self, codes: np.ndarray, y: np.ndarray, generator: np.random.RandomState
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """What to fit and what to transform, again and again."""
        cv = self.cv
        if isinstance(cv, Integral):
            splitter = KFold if self.classes_ is None else StratifiedKFold
            cv = splitter(cv, shuffle=self.shuffle, random_state=generator if self.shuffle else None)
        parts: Iterator[tuple[np.ndarray, np.ndarray]] = check_cv(cv).split(codes, y)
        return parts

    def _in_the_same_frame(self, part: EntityEmbeddingTransformer, codes: np.ndarray) -> list[np.ndarray]:
        """Vectors of a fit on samples of these `codes`, moved onto those of the whole."""
        return [
            aligned(vectors, onto, np.bincount(column, minlength=len(onto)))
            for vectors, onto, column in zip(part.embeddings_, self.embeddings_, codes.T, strict=True)
        ]

    def _replaced(self, codes: np.ndarray, numbers: np.ndarray, tables: list[np.ndarray]) -> np.ndarray:
        """Columns in their order, the categories as vectors."""
        vectors = iter(table[column] for table, column in zip(tables, codes.T, strict=True))
        plain = iter(numbers.T)
        parts = [
            next(vectors) if position in self._categorical else next(plain)[:, None]
            for position in range(self.n_features_in_)
        ]
        return np.hstack(parts, dtype=np.result_type(self._numpy_dtype, numbers.dtype))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return minus the mean error of the network's own prediction, in nats or in variances of y.

        Parameters
        ----------
        X, y, sample_weight : as in ``fit``
            The samples, their targets, and what each sample counts.

        Returns
        -------
        float
        """
        check_is_fitted(self)
        examples, target = self._examples(X, y, None, reset=False)
        output = self._apply_encoded(examples.samples, WithHead.forward)
        losses = self._error()(torch.from_numpy(output), target).numpy()
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, losses, dtype=np.float64)
        return -float(np.average(losses, weights=sample_weight))

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Name the columns: ``"city_0"``, ``"city_1"``, ... for the vectors of the column city, numbers as they were.

        Parameters
        ----------
        input_features : list of str or None
            Names of the columns, where ``fit`` got none; None for x0, x1, ...

        Returns
        -------
        array of str of shape (n_features_out,)
        """
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        widths = {position: table.shape[1] for position, table in zip(self._categorical, self.embeddings_, strict=True)}
        out: list[str] = []
        for position, name in enumerate(names):
            out += [f"{name}_{i}" for i in range(widths[position])] if position in widths else [name]
        return np.array(out, dtype=object)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.sparse = False
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags
