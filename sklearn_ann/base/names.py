"""Names of samples, compared between X and what is given beside it, and names of what ``transform`` returns."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin

from sklearn_ann._warnings import warn
from sklearn_ann.reading.annotated import is_annotated


def compare_names(X: Any, **beside: Any) -> None:
    """Warn of targets, weights or groups whose index has the names of the samples in another order.

    The names are the index of a frame or a series, the ``obs_names`` of AnnData, or the samples themselves, such as
    names of nodes. Rows are read by position all the same, as scikit-learn reads them: permutation tests rely on it.

    Parameters
    ----------
    X : samples
    **beside
        ``y=``, ``sample_weight=``, ``groups=``; those without an index, or with pandas' default one, have no names.

    Warns
    -----
    UserWarning
    """
    for name, values in beside.items():
        index = _index(values)
        if index is None or index.equals(_index(X)) or not index.is_unique or _is_default(index):
            continue
        names, source = _names(X)
        if names is not None and names != list(index) and len(names) == len(index) and set(names) == set(index):
            warn(
                f"The index of {name} has the names of the samples in X in another order. As in scikit-learn, {name} "
                f"is read by position, which is wrong unless {name} was permuted on purpose. {name}.loc[{source}] "
                f"sorts {name} like X."
            )


def _index(values: Any) -> Any:
    """Return the index of a frame or a series of pandas, else None."""
    index = getattr(values, "index", None)
    return index if hasattr(index, "is_unique") else None  # lists have a method of this name


def _is_default(index: Any) -> bool:
    """Return whether an index counts the rows, as pandas does by default."""
    return index.dtype.kind == "i" and bool((index == np.arange(len(index))).all())


def _names(X: Any) -> tuple[list[Any] | None, str]:
    """Return the names of the samples, or None, and how a user writes them."""
    if is_annotated(X):
        return list(X.obs_names), "X.obs_names"
    if _index(X) is not None:
        return (None, "") if _is_default(X.index) else (list(X.index), "X.index")
    plain = isinstance(X, list | tuple) or (isinstance(X, np.ndarray) and X.ndim == 1)
    named = plain and all(isinstance(name, str | int | np.integer) for name in X)
    return (list(X), "X") if named else (None, "")


@contextlib.contextmanager
def hidden_names(estimator: BaseEstimator) -> Iterator[None]:
    """Don't warn of samples without names of features while ``feature_names_in_`` of the estimator is None.

    Tools that predict for arrays made of a frame, such as shap, set the attribute to None to say that they know.
    scikit-learn's estimators look there; ours have the names in their reader.

    Parameters
    ----------
    estimator : BaseEstimator
        Whose samples are read.
    """
    if getattr(estimator, "feature_names_in_", ()) is not None:
        yield
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="X does not have valid feature names", category=UserWarning)
        yield


def names_of_a_column(self: ClassNamePrefixFeaturesOutMixin, input_features: Any = None) -> np.ndarray:
    """Name the features after the class, with a number: those of GCNClassifier begin with ``"gcnclassifier0"``.

    Parameters
    ----------
    input_features : array-like of str, or None
        Names of the features of X, or of the one column of a table whose cells are the samples. They are checked and
        not used.

    Returns
    -------
    array of str of shape (n_features_out,)
    """
    column = input_features is not None and len(input_features) == 1
    names: np.ndarray = ClassNamePrefixFeaturesOutMixin.get_feature_names_out(self, None if column else input_features)
    return names
