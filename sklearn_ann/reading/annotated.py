"""AnnData: a matrix whose samples and features have names; features are matched by name, never by position."""

from __future__ import annotations

from functools import wraps
from typing import Any, TypeVar

import scipy.sparse as sp

T = TypeVar("T")


def is_annotated(X: Any) -> bool:
    """Return whether `X` is an AnnData object or its ``raw``, judged by its class: anndata need not be there."""
    return all(hasattr(type(X), part) for part in ("X", "var_names", "obs_names"))


def matrix(X: Any, layer: str | None = None) -> Any:
    """Return the values of an AnnData object, dense or sparse, in memory.

    Parameters
    ----------
    X : AnnData
        In memory or backed by a file.
    layer : str or None
        Name of the layer to read; None for ``X.X``.

    Raises
    ------
    ValueError
        If there is no such layer, or if anndata cannot read the values.
    """
    layers = getattr(X, "layers", {})
    if layer is not None and layer not in layers:
        hint = "; counts in adata.raw are read by fit(adata.raw.to_adata()) with layer=None" if layer == "raw" else ""
        raise ValueError(f"layer={layer!r}: X has the layers {sorted(layers)}{hint}")
    try:
        values = X.X if layer is None else layers[layer]
    except AttributeError as error:  # of anndata with some releases of SciPy
        raise ValueError("X is a view of a file, which anndata cannot read: use adata.to_memory()[...]") from error
    if values is None:
        raise ValueError(f"X.X of the AnnData object is None: name one of its layers, {sorted(layers)}")
    return in_memory(values)


def in_memory(values: Any) -> Any:
    """Return values that may lie in a file, or in no place yet, as an array or a sparse matrix."""
    for load in ("to_memory", "compute"):  # a sparse matrix in a file; a lazy array
        if hasattr(type(values), load):
            values = getattr(values, load)()
    return values if sp.issparse(values) else values[:]  # [:] reads a file, and is a view of an array


def placed(X: Any, names: list[str] | None, layer: str | None = None) -> tuple[Any, Any]:
    """Return the values of an AnnData object, and a frame without rows whose columns are their features.

    If the object has all features in `names`, the values are of these, in this order, and of no others.

    Raises
    ------
    ValueError
        If a name is there twice, or if there is no such layer.
    """
    own, values = X.var_names, matrix(X, layer)
    if not own.is_unique:
        raise ValueError(
            f"var_names of X has {own[own.duplicated()][0]!r} more than once: adata.var_names_make_unique() makes the "
            "names unique"
        )
    if names is not None and list(own) != names and set(names) <= set(own):  # else scikit-learn names what is missing
        own, values = own[own.get_indexer(names)], values[:, own.get_indexer(names)]
    return values, type(X.var)(columns=own)


def as_frame(X: Any, names: list[str] | None) -> Any:
    """Return an AnnData object as a frame of numbers; see `placed`."""
    values, header = placed(X, names)
    return type(header)(values.toarray() if sp.issparse(values) else values, index=X.obs_names, columns=header.columns)


def names_of_samples(transformer: type[T]) -> type[T]:
    """Make frames that ``transform`` returns for AnnData objects have their names of samples; a class decorator."""
    for name in {"transform", "fit_transform"} & vars(transformer).keys():
        setattr(transformer, name, _naming_samples(getattr(transformer, name)))
    return transformer


def _naming_samples(method: Any) -> Any:
    @wraps(method)
    def named(self: Any, X: Any, *args: Any, **kwargs: Any) -> Any:
        result = method(self, X, *args, **kwargs)
        return result.set_axis(X.obs_names, axis=0) if is_annotated(X) and hasattr(result, "set_axis") else result

    return named
