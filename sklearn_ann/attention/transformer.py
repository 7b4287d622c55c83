"""The bare attention layer, without anything to learn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Self

import numpy as np
import torch
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags, check_array
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from sklearn_ann import training
from sklearn_ann.base.parameters import DeclaredParameters, PositiveFloat
from sklearn_ann.layers import attention_weights

_MOST_WEIGHTS = 2**21  # at a time: what the cache holds goes fastest
_TYPES = [np.float64, np.float32]


def attended(query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
    """``softmax(scale Q Kᵀ) V``, as many queries at a time as memory bears.

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
    """Whether X is an array of three dimensions, or a list of such of two."""
    if isinstance(X, np.ndarray) and X.dtype != object:
        return X.ndim == 3
    return isinstance(X, list | tuple | np.ndarray) and len(X) > 0 and np.ndim(X[0]) == 2


def check_sets(X: Any, n_features: int | None) -> list[np.ndarray]:
    """The sets in X, one by one.

    Raises
    ------
    ValueError
        If a set is empty, has NaN or infinity, is not of two dimensions or not of `n_features` columns (those of the
        first set, if None).
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


class AttentionTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, DeclaredParameters):
    """Attention without parameters: each row becomes a mean of values, those whose keys are like it the most.

    The self-attention layer is ``Y = softmax(X Xᵀ) X``, the attention layer ``Y = softmax(X Kᵀ) V``, with the softmax
    over each row [1]_: a retrieval from a database of keys and values that can be differentiated. ``fit`` takes X for
    keys and values where none are given, so that ``fit_transform(X)`` is the first formula, and ``transform`` asks the
    rows that ``fit`` has seen. No matrix of rows by keys is kept in memory.

    X may also be sets of rows: an array of shape (n_sets, n_rows, n_features), or a list of arrays of different
    lengths. Then the rows of each set attend to each other, or to `keys`.

    Parameters
    ----------
    keys : array-like of shape (n_keys, n_features) or None
        What rows are compared with; None for the rows of X in ``fit``, or those of the same set.

    values : array-like of shape (n_keys, n_outputs) or None
        What is returned a mean of; None for the keys.

    scale : float or "sqrt"
        What products are multiplied with; ``"sqrt"`` for ``1 / sqrt(n_features)`` [2]_. The greater, the more a row
        looks at the most similar key alone.

    device : str
        Where to compute: ``"auto"`` (the first CUDA device, else the CPU), ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ...
        or ``"mps"``.

    Attributes
    ----------
    keys_ : array of shape (n_keys, n_features) or None
        What rows are compared with; None where these are the rows of the same set.

    values_ : array of shape (n_keys, n_outputs) or None
        What belongs to the keys.

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

    def fit(self, X: Any, y: Any = None) -> Self:
        """Take the keys and the values.

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
            If keys and values differ in number, or the keys do not have the features of X.
        """
        self._validate_params()
        if is_sets(X):
            self.n_features_in_ = check_sets(X, None)[0].shape[1]
            self.__dict__.pop("feature_names_in_", None)
            keys = None
        else:
            keys = validate_data(self, X, dtype=_TYPES)
        if self.keys is not None:
            keys = check_array(self.keys, dtype=_TYPES, input_name="keys")
            if keys.shape[1] != self.n_features_in_:
                raise ValueError(f"keys has {keys.shape[1]} features, but X has {self.n_features_in_}")
        values = keys
        if self.values is not None:
            values = check_array(self.values, dtype=_TYPES, input_name="values")
            if keys is None:
                raise ValueError("values were given without keys, but rows of sets are keys of each other")
            if len(values) != len(keys):
                raise ValueError(f"values has {len(values)} rows, but there are {len(keys)} keys")
        self.keys_, self.values_ = keys, values
        self._n_features_out = self.n_features_in_ if values is None else values.shape[1]
        return self

    def fit_transform(self, X: Any, y: Any = None, mask: Any = None) -> Any:
        """Take the keys and the values, and transform X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or sets of such rows
            The samples.
        y : ignored
            Not used; part of scikit-learn's interface.
        mask : as in ``transform``
            Which rows of each set are there.

        Returns
        -------
        array of shape (n_samples, n_outputs); of sets as in ``transform``
        """
        return self.fit(X).transform(X, mask)

    def transform(self, X: Any, mask: Any = None) -> Any:
        """Attend.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or sets of such rows
            The samples.
        mask : bool array-like of shape (n_sets, n_rows) or None
            For sets in an array: which rows are there. The others are no keys, and what comes out for them is zero.

        Returns
        -------
        array of shape (n_samples, n_outputs)
            For sets an array of shape (n_sets, n_rows, n_outputs) where X is one, else a list of arrays.

        Raises
        ------
        ValueError
            If X has other features than in ``fit``, if `mask` is not of the shape of the sets, or if products are so
            large that they are not finite.
        """
        check_is_fitted(self)
        if not is_sets(X):
            if mask is not None:
                raise ValueError("mask is for sets in an array of three dimensions, but X is a single table")
            return self._answer(self._check_table(X))
        sets = check_sets(X, self.n_features_in_)
        if not isinstance(X, np.ndarray) or X.ndim != 3:
            if mask is not None:
                raise ValueError("mask is for sets in an array of three dimensions, but X is a list of sets")
            return [self._answer(one) for one in sets]
        there = np.ones(X.shape[:2], dtype=bool) if mask is None else np.asarray(mask)
        if there.shape != X.shape[:2] or there.dtype != bool:
            raise ValueError(
                f"mask is of type {there.dtype} and of shape {there.shape}: expected bool and {X.shape[:2]}"
            )
        result = np.zeros((*X.shape[:2], self._n_features_out), dtype=sets[0].dtype)
        for i in np.flatnonzero(there.any(axis=1)):
            result[i, there[i]] = self._answer(sets[i][there[i]])
        return result

    def attention_maps(self, X: Any) -> Any:
        """Return the weights ``softmax(X Kᵀ)`` themselves.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or sets of such rows
            The samples.

        Returns
        -------
        array of shape (n_samples, n_keys), or a list of such arrays, one of each set
        """
        check_is_fitted(self)
        if is_sets(X):
            return [self._weights(one) for one in check_sets(X, self.n_features_in_)]
        return self._weights(self._check_table(X))

    def _check_table(self, X: Any) -> np.ndarray:
        table: np.ndarray = validate_data(self, X, reset=False, dtype=_TYPES)
        if self.keys_ is None:
            raise ValueError("X is a single table, but fit got sets of rows and no keys: put the table into a list")
        return table

    def _answer(self, queries: np.ndarray) -> np.ndarray:
        """Attend to the keys, or to the rows of the same set."""
        database = (queries, queries) if self.keys_ is None else (self.keys_, self.values_)
        return self._computed(attended, queries, *database)

    def _weights(self, queries: np.ndarray) -> np.ndarray:
        """How much each query attends to each key."""

        def weights(query: Tensor, key: Tensor, scale: float) -> Tensor:
            return attention_weights(query, key, scale=scale)

        return self._computed(weights, queries, queries if self.keys_ is None else self.keys_)

    def _computed(self, function: Callable[..., Tensor], *arrays: Any) -> np.ndarray:
        device = training.resolve_device(self.device)
        scale = self.n_features_in_**-0.5 if self.scale == "sqrt" else float(self.scale)
        tensors = [training.as_tensor(np.asarray(array, dtype=arrays[0].dtype)).to(device) for array in arrays]
        with torch.inference_mode(), training.limited_threads():
            result: np.ndarray = function(*tensors, scale).numpy(force=True)
        if not np.isfinite(result).all():
            raise ValueError("products of X and keys are too large to be finite: scale X, or set a smaller scale")
        return result

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
