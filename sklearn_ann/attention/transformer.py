"""The attention layer without learned weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags, check_array
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from sklearn_ann import training
from sklearn_ann.base.links import DocumentedMixin
from sklearn_ann.base.parameters import PositiveFloat, declared, fitted
from sklearn_ann.layers import attention_weights
from sklearn_ann.reading.annotated import names_of_samples
from sklearn_ann.reading.reader import Columns

_MOST_WEIGHTS = 2**21  # attention weights computed at a time, so that they fit in the cache
_TYPES = [np.float64, np.float32]


def attended(query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
    """Return ``softmax(scale Q Kᵀ) V``, computed for chunks of the queries.

    Parameters
    ----------
    query : Tensor of shape (n_queries, width)
    key : Tensor of shape (n_keys, width)
    value : Tensor of shape (n_keys, n_outputs)
    scale : float

    Returns
    -------
    Tensor of shape (n_queries, n_outputs)
    """
    chunk = max(1, _MOST_WEIGHTS // len(key))
    return torch.cat([attention_weights(part, key, scale=scale) @ value for part in torch.split(query, chunk)])


def is_sets(X: Any) -> bool:
    """Return whether X is a three-dimensional array or a list of two-dimensional ones."""
    if isinstance(X, np.ndarray) and X.dtype != object:
        return X.ndim == 3
    return isinstance(X, list | tuple | np.ndarray) and len(X) > 0 and np.ndim(X[0]) == 2


def check_sets(X: Any, n_features: int | None) -> list[np.ndarray]:
    """Return the sets in X as a list of arrays.

    Raises
    ------
    ValueError
        If a set is empty, has NaN or infinity, is not two-dimensional or does not have `n_features` columns. With None,
        all sets must have as many columns as the first one.
    """
    sets = []
    for index, one in enumerate(X):
        try:
            array = check_array(one, dtype=_TYPES)
        except ValueError as error:
            raise ValueError(f"set {index}: {error}") from error
        n_features = n_features or array.shape[1]
        if array.shape[1] != n_features:
            raise ValueError(f"set {index} has {array.shape[1]} features, but {n_features} were expected")
        sets.append(array)
    return sets


@names_of_samples
@declared
class AttentionTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, DocumentedMixin, BaseEstimator):
    """Attention without learned weights: each row becomes a mean of values, weighted by the similarity of their keys.

    The self-attention layer is ``Y = softmax(X Xᵀ) X``, and the attention layer is ``Y = softmax(X Kᵀ) V``, with the
    softmax over each row [1]_. Attention with keys and values is a differentiable search in a database.

    Without `keys` and `values`, ``fit`` stores X as both. ``fit_transform(X)`` then computes the self-attention of X,
    and ``transform`` attends to the rows in ``fit``. ``transform`` computes the weights in chunks and does not hold the
    whole matrix of rows by keys in memory.

    X may also be sets of rows: an array of shape (n_sets, n_rows, n_features), or a list of arrays of different
    lengths. The rows of each set then attend to each other, or to `keys`.

    Parameters
    ----------
    keys : array-like of shape (n_keys, n_features) or None
        Keys to compare rows with. None: the rows of X in ``fit``, or the rows of the same set.

    values : array-like of shape (n_keys, n_outputs) or None
        Values to average. None: the keys.

    scale : float or "sqrt"
        Factor of the products; ``"sqrt"`` is ``1 / sqrt(n_features)`` [2]_. With a greater factor, the weight of the
        most similar key is greater.

    device : str
        Where to compute: ``"auto"`` (the first CUDA device, else the CPU), ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ...
        or ``"mps"``.

    Attributes
    ----------
    keys_ : array of shape (n_keys, n_features) or None
        The keys; None if rows attend to the rows of the same set.

    values_ : array of shape (n_keys, n_outputs) or None
        The values of the keys; None if `keys_` is None.

    n_features_in_ : int
        Number of features seen during ``fit``.

    feature_names_in_ : array of str of shape (`n_features_in_`,)
        Names of the features, where X has names that are all strings.

    References
    ----------
    .. [1] Bahdanau, D., Cho, K. and Bengio, Y. (2014). Neural machine translation by jointly learning to align and
       translate. arXiv:1409.0473.
    .. [2] Vaswani, A. et al. (2017). Attention is all you need. arXiv:1706.03762, equation 1.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ann import AttentionTransformer
    >>> X = np.array([[0.0, 1.0], [2.0, 0.0]])
    >>> AttentionTransformer().fit_transform(X).round(2)
    array([[0.54, 0.73],
           [1.96, 0.02]])
    >>> database = AttentionTransformer(keys=X, values=[[10.0], [20.0]], scale=5.0)
    >>> database.fit_transform([[1.9, 0.1]]).round(2)
    array([[20.]])
    """

    keys: Any = None
    values: Any = None
    scale: PositiveFloat | Literal["sqrt"] = 1.0
    device: str = "auto"

    keys_: np.ndarray | None = fitted()
    values_: np.ndarray | None = fitted()
    n_features_in_: int = fitted()
    feature_names_in_: np.ndarray = fitted()

    def fit(self, X: Any, y: Any = None) -> Self:
        """Store the keys and the values.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or sets of such rows
            The samples.
        y : ignored
            Not used; part of scikit-learn's interface.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If keys and values differ in number, or if keys and X differ in their number of features.
        """
        self._validate_params()
        columns, keys = Columns(type(self).__name__), None
        if is_sets(X):
            columns.count(check_sets(X, None)[0].shape[1])
        else:
            keys = columns.learn(X, dtype=_TYPES, copy=True)
        if self.keys is not None:
            keys = check_array(self.keys, dtype=_TYPES, input_name="keys", copy=True)
            if keys.shape[1] != columns.number:
                raise ValueError(f"keys has {keys.shape[1]} features, but X has {columns.number}")
        values = keys
        if self.values is not None:
            values = check_array(self.values, dtype=_TYPES, input_name="values", copy=True)
            if keys is None:
                raise ValueError(
                    "values was given without keys: for sets, expected both or neither, because their rows are keys"
                )
            if len(values) != len(keys):
                raise ValueError(f"values has {len(values)} rows, but there are {len(keys)} keys")
        training.resolve_device(self.device)  # an unknown device fails here, not in transform
        columns.freeze()
        self.__dict__.pop("feature_names_in_", None)
        self.__dict__.update(columns.attributes, _columns=columns)
        self._scale = self.n_features_in_**-0.5 if self.scale == "sqrt" else float(self.scale)
        self._device = self.device
        self.keys_, self.values_ = keys, values
        self._n_features_out = self.n_features_in_ if values is None else values.shape[1]
        return self

    def fit_transform(self, X: Any, y: Any = None, mask: Any = None) -> Any:
        """Store the keys and the values, and transform X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or sets of such rows
            The samples.
        y : ignored
            Not used; part of scikit-learn's interface.
        mask : as in ``transform``
            Which rows of each set exist.

        Returns
        -------
        array of shape (n_samples, n_outputs); for sets as in ``transform``
        """
        return self.fit(X).transform(X, mask)

    def transform(self, X: Any, mask: Any = None) -> Any:
        """Replace each row by its weighted mean of the values.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or sets of such rows
            The samples.
        mask : bool array-like of shape (n_sets, n_rows) or None
            For sets in an array: which rows exist. Nothing attends to the others, and their outputs are zero.

        Returns
        -------
        array of shape (n_samples, n_outputs)
            For sets, an array of shape (n_sets, n_rows, n_outputs) if X is an array, else a list of arrays.

        Raises
        ------
        ValueError
            If X has other features than in ``fit``, if the shape of `mask` does not match the sets, or if products are
            too large to be finite.
        """
        check_is_fitted(self)
        if not is_sets(X):
            if mask is not None:
                raise ValueError("mask is for sets in an array of three dimensions, but X is a single table")
            return self._attended(self._check_table(X))
        sets = check_sets(X, self.n_features_in_)
        if not isinstance(X, np.ndarray) or X.ndim != 3:
            if mask is not None:
                raise ValueError("mask is for sets in an array of three dimensions, but X is a list of sets")
            return [self._attended(one) for one in sets]
        exists = np.ones(X.shape[:2], dtype=bool) if mask is None else np.asarray(mask)
        if exists.shape != X.shape[:2] or exists.dtype != bool:
            raise ValueError(
                f"mask is of type {exists.dtype} and of shape {exists.shape}: expected bool and {X.shape[:2]}"
            )
        result = np.zeros((*X.shape[:2], self._n_features_out), dtype=sets[0].dtype)
        for i in np.flatnonzero(exists.any(axis=1)):
            result[i, exists[i]] = self._attended(sets[i][exists[i]])
        return result

    def attention_maps(self, X: Any) -> Any:
        """Return the attention weights ``softmax(scale X Kᵀ)``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or sets of such rows
            The samples.

        Returns
        -------
        array of shape (n_samples, n_keys), or a list with such an array for each set
        """
        check_is_fitted(self)
        if is_sets(X):
            return [self._weights(one) for one in check_sets(X, self.n_features_in_)]
        return self._weights(self._check_table(X))

    def _check_table(self, X: Any) -> np.ndarray:
        table: np.ndarray = self._columns.read(X, dtype=_TYPES)
        if self.keys_ is None:
            raise ValueError("X is a single table, but fit got sets of rows and no keys: put the table into a list")
        return table

    def _attended(self, queries: np.ndarray) -> np.ndarray:
        """Return the outputs of rows that attend to the keys, or else to each other."""
        database = (queries, queries) if self.keys_ is None else (self.keys_, self.values_)
        return self._computed(attended, queries, *database)

    def _weights(self, queries: np.ndarray) -> np.ndarray:
        """Return the attention weights of the queries."""

        def weights(query: Tensor, key: Tensor, scale: float) -> Tensor:
            return attention_weights(query, key, scale=scale)

        return self._computed(weights, queries, queries if self.keys_ is None else self.keys_)

    def _computed(self, function: Callable[..., Tensor], *arrays: Any) -> np.ndarray:
        device = training.available_device(self._device)
        with training.isolated(), torch.inference_mode(), training.limited_threads():
            tensors = [training.as_tensor(np.asarray(array, dtype=arrays[0].dtype)).to(device) for array in arrays]
            result: np.ndarray = function(*tensors, self._scale).numpy(force=True)
        if not np.isfinite(result).all():
            raise ValueError("products of X and keys are too large to be finite: scale X, or set a smaller scale")
        return result

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
