"""Entity embeddings: vectors of the categories of a table, learned by predicting a target."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from numbers import Integral
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import torch
from scipy.linalg import orthogonal_procrustes
from sklearn.model_selection import KFold, StratifiedKFold, check_cv
from sklearn.utils import Tags, check_array, column_or_1d
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_consistent_length, check_is_fitted
from torch import Tensor, nn

from sklearn_ann import training
from sklearn_ann._sklearn import check_feature_names_in, safe_indexing
from sklearn_ann.base import NeuralEstimator, Plan, Targets
from sklearn_ann.base.losses import cross_entropy, mean_squared_error
from sklearn_ann.base.parameters import DropProbability, LayerSizes, PositiveFloat, PositiveInt, fitted
from sklearn_ann.base.plan import checked_weights
from sklearn_ann.base.supervised import LOSS_FLOOR
from sklearn_ann.embedding.network import EntityBody
from sklearn_ann.layers import SupervisedNetwork, layer_widths
from sklearn_ann.reading import Chunks, Reader, TableReader
from sklearn_ann.reading.scaling import mean_and_scale


def default_width(n_categories: int) -> int:
    """Return the fourth root of the number of categories, rounded up."""
    return max(1, int(np.ceil(n_categories**0.25)))


def aligned(vectors: np.ndarray, onto: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the rigid motion of vectors that brings them nearest to others, by weighted squared distance.

    Parameters
    ----------
    vectors, onto : arrays of shape (n, width)
    weight : array of shape (n,)
        Weight of each pair; the sum is above zero.
    """
    centre, target = (np.average(rows, axis=0, weights=weight) for rows in (vectors, onto))
    root = np.sqrt(weight)[:, None]
    rotation, _ = orthogonal_procrustes(root * (vectors - centre), root * (onto - target))
    moved: np.ndarray = (vectors - centre) @ rotation + target
    return moved.astype(onto.dtype)


class EntityTargets(Targets):
    """Classes or a standardised number, by `target_type`.

    Parameters
    ----------
    target_type : {"auto", "continuous", "binary", "multiclass"}
    classes : array or None
        The classes, if they are known before ``fit``.

    Attributes
    ----------
    found_type : str
    classes : array of shape (n_classes,) or None
    """

    found_type: str

    def __init__(self, *, target_type: str, classes: np.ndarray | None, **common: Any) -> None:
        super().__init__(**common)
        self.target_type, self.classes = target_type, classes

    def learn(self, y: Any, weight: np.ndarray | None, **options: Any) -> Tensor:
        """Learn the type of y, and its classes or its mean and scale."""
        y = column_or_1d(self._checked(y), warn=True)
        self._entry_weights(weight, y.shape)  # refuses weights of single outputs
        self.found_type = self._find_type(y)
        if self.found_type == "continuous":
            self.classes = None
            self.n_outputs = 1
            self._mean, self._scale = mean_and_scale(self._numbers(y), weight, "y")
        else:
            self.classes = np.unique(y) if self.classes is None else self.classes
            self.n_outputs = len(self.classes)
            if self.n_outputs == 1:
                raise ValueError(f"y has one class only, {self.classes[0]}: expected two classes or more")
        return self._encoded(y)

    def read(self, y: Any, **options: Any) -> Tensor:
        """Return codes of known classes, or numbers standardised as in the fit."""
        return self._encoded(column_or_1d(self._checked(y), warn=True))

    def _encoded(self, y: np.ndarray) -> Tensor:
        if self.classes is None:
            return torch.as_tensor((self._numbers(y) - self._mean) / self._scale, dtype=self.dtype)
        unknown = np.setdiff1d(y, self.classes)
        if len(unknown):
            raise ValueError(f"y has the labels {unknown}, which were not in fit: expected labels among {self.classes}")
        return torch.from_numpy(np.searchsorted(self.classes, y))

    @staticmethod
    def _numbers(y: np.ndarray) -> np.ndarray:
        return np.asarray(check_array(y, ensure_2d=False, dtype=np.float64, input_name="y"))[:, None]

    def _find_type(self, y: np.ndarray) -> str:
        found = type_of_target(y, input_name="y", raise_unknown=True)
        if self.target_type == "continuous" and y.dtype.kind not in "biuf":
            raise ValueError(f"target_type='continuous' needs numbers in y, got the labels {np.unique(y)[:3]}")
        if self.target_type == "binary" and len(np.unique(y)) > 2:
            raise ValueError(f"target_type='binary' needs 2 classes in y, got {len(np.unique(y))}")
        if self.target_type != "auto":
            return self.target_type
        if found not in ("binary", "multiclass", "continuous"):
            raise ValueError(f"y is of type {found!r}: expected 'binary', 'multiclass' or 'continuous'")
        return str(found)

    def strata(self, target: Tensor) -> np.ndarray | None:
        """Return the codes of the classes; None for numbers."""
        return None if self.classes is None else target.numpy()

    @property
    def error(self) -> training.Error:
        """Squared error in variances of y, or cross-entropy in nats."""
        return mean_squared_error if self.classes is None else cross_entropy

    @property
    def attributes(self) -> dict[str, Any]:
        """Type and classes of y."""
        return super().attributes | {"target_type_": self.found_type, "classes_": self.classes}


class EntityEmbeddingTransformer(NeuralEstimator):
    """Replace the categories of a table by vectors learned by predicting the target.

    Each categorical column gets an embedding matrix with a vector for each category. A dense network reads the vectors
    and the numeric columns and is trained to predict y; the embedding matrices are trained with it [1]_. Categories
    with a similar effect on y get similar vectors. ``transform`` replaces the categories by their vectors and returns
    the numbers unchanged, as input for any other estimator.

    ``fit(X, y).transform(X)`` differs from ``fit_transform(X, y)``. Like scikit-learn's ``TargetEncoder``,
    ``fit_transform`` splits the samples into `cv` parts and takes the vectors of a part from a fit without the targets
    of this part. Otherwise the next estimator would rely too much on the vectors, especially of rare categories. The
    axes of different fits do not correspond, so that the vectors of each fit are rotated and shifted to be as near as
    possible to those of the fit on all samples. A pipeline calls ``fit_transform`` during ``fit``.

    A category that ``fit`` has not seen has the mean vector of the known categories. Missing values (None, NaN, NaT and
    pandas' NA) are one more category if ``fit`` has seen any, and unknown otherwise. A missing number raises an error.

    Parameters
    ----------
    categorical_features : "auto", or list of int, str or bool
        The categorical columns, by position, by name in a frame, or by a bool for each column. ``"auto"`` takes the
        columns of text, category or bool. Columns of objects and columns of lists are numeric if nine tenths of their
        values are numbers; ``None`` and NaN are missing. `categorical_features_` records the decision. Dates raise an
        error.
        Without categorical columns, ``transform`` returns X unchanged.

    n_components : "auto" or int
        Width of the vectors. ``"auto"``: the fourth root of the number of categories of each column, rounded up.
        A greater width may help a network, but rarely a forest.

    target_type : {"auto", "continuous", "binary", "multiclass"}
        Type of y; ``"auto"`` uses ``sklearn.utils.multiclass.type_of_target``. Numbers are standardised.

    cv : int, splitter or iterable
        Number of parts in ``fit_transform``, at least 2, stratified by class if y holds classes; or a splitter or an
        iterable of splits, as in scikit-learn.

    shuffle : bool
        Whether to shuffle the samples before an int `cv` splits them.

    hidden_layer_sizes : int or tuple of ints
        Widths of the hidden layers.

    dropout : float
        Probability, in [0, 1), to drop a hidden unit in training.

    Attributes
    ----------
    categorical_features_ : list of str or int
        Names of the categorical columns, or their positions if X has no names.

    categories_ : list of arrays
        The categories of each categorical column, sorted.

    embeddings_ : list of arrays of shape (n_categories + 2, width)
        The embedding matrix of each categorical column: a row for each category, then one for missing values and one
        for unknown categories.

    target_type_ : str
        Type of y.

    classes_ : array of shape (n_classes,) or None
        The classes; None if y holds numbers.

    n_outputs_ : int
        Number of outputs of the network: one per class, or 1 for numbers.

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

    reader_: TableReader = fitted()
    categorical_features_: list[str | int] = fitted()
    categories_: list[np.ndarray] = fitted()
    embeddings_: list[np.ndarray] = fitted()
    target_type_: str = fitted()
    classes_: np.ndarray | None = fitted()
    n_outputs_: int = fitted()

    _loss_floor: ClassVar[float] = LOSS_FLOOR
    _known: ClassVar[dict[str, Any]] = {}
    """Categories and classes of all samples, for the fits of ``fit_transform`` on a part of them."""

    def _reader(self, X: Any, **common: Any) -> Reader[Any]:
        categories = self._known.get("categories")
        return TableReader(categorical_features=self.categorical_features, categories=categories, **common)

    def _targets(self, **common: Any) -> Targets:
        return EntityTargets(target_type=self.target_type, classes=self._known.get("classes"), **common)

    def _body(self, plan: Plan) -> tuple[nn.Module, int]:
        p, reader = plan.parameters, plan.reader
        widths = [default_width(n) if p.n_components == "auto" else p.n_components for n in reader.n_categories]
        hidden = layer_widths(p.hidden_layer_sizes)
        n_numbers = len(reader.numeric)
        body = EntityBody(reader.n_categories, widths, n_numbers, hidden, p.dropout)
        return body, hidden[-1] if hidden else sum(widths) + n_numbers

    def _take(self, plan: Plan, run: training.Training, module: nn.Module) -> dict[str, Any]:
        body: Any = module.body
        dtype = plan.reader.numpy_dtype
        return {
            "categories_": plan.reader.categories,
            "embeddings_": [embedding.matrix().numpy(force=True).astype(dtype) for embedding in body.embeddings],
        }

    # --- Public methods --------------------------------------------------------------------------------------------

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, X_val: Any = None, y_val: Any = None, groups: Any = None
    ) -> Self:
        """Learn the categories and their vectors.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,)
            Labels of any type, or numbers.
        sample_weight : array-like of shape (n_samples,), default=None
            A sample of weight 2 counts as if it were there twice, a sample of weight 0 is left out.
        X_val, y_val : as X and y, default=None
            Validation data, whose loss early stopping watches.
        groups : array-like of shape (n_samples,), default=None
            Which samples belong together, such as families or donors: early stopping holds out whole groups.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the data are not as described here, or if the loss is no longer finite.
        """
        return self._fit(X, y, sample_weight=sample_weight, X_val=X_val, y_val=y_val, groups=groups)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for one more epoch on these samples alone, with the categories and classes of the first call.

        Parameters
        ----------
        X, y, sample_weight : as in ``fit``
            The samples, their targets, and what each sample counts.

        Returns
        -------
        self
        """
        return self._fit(X, y, sample_weight=sample_weight, incremental=True)

    @training.isolated()
    def transform(self, X: Any) -> np.ndarray:
        """Replace the categories by their vectors.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        array of shape (n_samples, n_features_out)
            The columns in their order, in a type that holds all numbers of X exactly, and the vectors in `precision`.
        """
        check_is_fitted(self)
        codes, numbers = self.reader_.parts(X)
        return self._replaced(codes, numbers, self.embeddings_)

    def fit_transform(self, X: Any, y: Any, sample_weight: Any = None) -> np.ndarray:
        """Fit, and replace the categories by vectors from fits that have not seen the sample's own target.

        Parameters
        ----------
        X, y, sample_weight : as in ``fit``
            The samples, their targets, and what each sample counts.

        Returns
        -------
        array of shape (n_samples, n_features_out)
            Not what ``transform`` returns: each of the `cv` parts gets the vectors of a fit without that part.
        """
        self._validate_params()
        if isinstance(X, Chunks):
            raise TypeError(
                "X is a Chunks, whose rows cannot be split into parts: fit_transform reads what is in memory. "
                "fit(X, y).transform(X) reads chunks, and its vectors have seen the targets of their own rows"
            )
        start = copy.deepcopy(training.as_random_state(self.random_state))
        self.fit(X, y, sample_weight)
        codes, numbers = self.reader_.parts(X)
        if not self.reader_.categorical:
            return self._replaced(codes, numbers, [])
        # A clone would share the callbacks and copy `cv`, which may be a generator. Values of "auto" are those of all
        # samples: a part of continuous targets may look like classes.
        settings = {
            "categorical_features": self.reader_.categorical,
            "target_type": self.target_type_,
            "warm_start": False,
            "checkpoint": None,
        }
        part = type(self)(**self.get_params(deep=False) | settings)
        part.__dict__.update(_known={"categories": self.categories_, "classes": self.classes_})
        y, weight = np.asarray(y), checked_weights(sample_weight, len(codes))
        rows, positions = [], []
        for train, test in self._parts(codes, y, copy.deepcopy(start)):
            part.set_params(random_state=copy.deepcopy(start))  # the same initial vectors in all fits
            part.fit(safe_indexing(X, train), y[train], None if weight is None else weight[train])
            vectors = self._in_the_same_frame(part, codes[train])
            rows.append(self._replaced(codes[test], numbers[test], vectors))
            positions.append(test)
        order = np.concatenate(positions)
        if not np.array_equal(np.sort(order), np.arange(len(codes))):
            raise ValueError(f"cv={self.cv!r} must put each sample into exactly one part")
        return np.concatenate(rows)[np.argsort(order)]

    def _parts(
        self, codes: np.ndarray, y: np.ndarray, generator: np.random.RandomState
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Return the positions of the samples to fit and to transform, for each part."""
        cv = self.cv
        if isinstance(cv, Integral):
            splitter = KFold if self.classes_ is None else StratifiedKFold
            cv = splitter(cv, shuffle=self.shuffle, random_state=generator if self.shuffle else None)
        parts: Iterator[tuple[np.ndarray, np.ndarray]] = check_cv(cv).split(codes, y)
        return parts

    def _in_the_same_frame(self, part: EntityEmbeddingTransformer, codes: np.ndarray) -> list[np.ndarray]:
        """Return the vectors of a fit on samples with these `codes`, aligned with those of all samples."""
        return [
            aligned(vectors, onto, np.bincount(column, minlength=len(onto)))
            for vectors, onto, column in zip(part.embeddings_, self.embeddings_, codes.T, strict=True)
        ]

    def _replaced(self, codes: np.ndarray, numbers: np.ndarray, embeddings: list[np.ndarray]) -> np.ndarray:
        """Return the columns in their order, with vectors for the categories."""
        vectors = iter(matrix[column] for matrix, column in zip(embeddings, codes.T, strict=True))
        plain = iter(numbers.T)
        columns = [
            next(vectors) if position in self.reader_.categorical else next(plain)[:, None]
            for position in range(self.n_features_in_)
        ]
        return np.hstack(columns, dtype=np.result_type(self.reader_.numpy_dtype, numbers.dtype))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return minus the mean error of the network: cross-entropy in nats, or squared error in variances of y.

        Parameters
        ----------
        X, y, sample_weight : as in ``fit``
            The samples, their targets, and what each sample counts.

        Returns
        -------
        float
        """
        check_is_fitted(self)
        output = self._apply(X, SupervisedNetwork.forward)
        target = self._coder.read(y)
        check_consistent_length(output, target)
        losses = self._coder.error(torch.from_numpy(output), target).numpy()
        return -float(np.average(losses, weights=checked_weights(sample_weight, len(losses))))

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the columns; ``"city_0"``, ``"city_1"``, ... are those of the vectors of the column city.

        Parameters
        ----------
        input_features : list of str or None
            Names of the columns, if ``fit`` got none; None for x0, x1, ...

        Returns
        -------
        array of str of shape (n_features_out,)
        """
        check_is_fitted(self)
        names = check_feature_names_in(self, input_features)
        widths = dict(zip(self.reader_.categorical, (matrix.shape[1] for matrix in self.embeddings_), strict=True))
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
