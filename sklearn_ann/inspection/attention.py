"""Plots of attention maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Self

import numpy as np

from sklearn_ann.attention import AttentionTransformer
from sklearn_ann.attention.transformer import is_sets
from sklearn_ann.inspection.figures import pyplot, sample_of

_SIDE, _WIDEST, _PAGE = 3.0, 7.0, 16.0  # inches: the least and the most for a plot, the most for all of them
_LARGEST, _SMALLEST = 10.0, 6.0  # points of names


def _chosen(maps: np.ndarray, number: int | None, axis: int, parameter: str) -> np.ndarray:
    """Select the layer or head of this number, or all; the axis stays."""
    if number is None:
        return maps
    n = maps.shape[axis]
    if not isinstance(number, int | np.integer) or isinstance(number, bool) or not -n <= number < n:
        raise ValueError(f"{parameter}={number!r}: expected None or an integer from {-n} to {n - 1}")
    return np.take(maps, [number], axis=axis)


class AttentionMapDisplay:
    """Attention maps: one plot for each layer and head, with a row for each query and a column for each key.

    Create it with `from_estimator`, or from any weights. All plots share one colour scale.

    Parameters
    ----------
    weights : array-like of shape (n_queries, n_keys), (n_heads, n_queries, n_keys) or (n_layers, n_heads, ...)
        The attention weights of a sample, as ``attention_maps`` returns them.

    query_names, key_names : sequence of str or None
        Names of the rows and of the columns; None shows numbers. Where there is no room for all names, some are
        written, evenly spread, each after its number.

    titles : array-like of str of shape (n_layers, n_heads) or None
        Titles of the plots; None shows no titles.

    Attributes
    ----------
    ax_ : matplotlib Axes, or array of Axes of shape (n_layers, n_heads)
        The plots; an array if there are several.

    figure_ : matplotlib Figure
        The figure of the plots.

    im_ : list of matplotlib AxesImage
        The images, layer by layer.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn_ann import AttentionClassifier
    >>> from sklearn_ann.inspection import AttentionMapDisplay
    >>> X = ["ACGTACGTAA", "TTTTCCCCAA"] * 10
    >>> model = AttentionClassifier(max_epochs=5, random_state=0).fit(X, [0, 1] * 10)
    >>> AttentionMapDisplay.from_estimator(model, X, sample=1, layer=-1).ax_.shape
    (1, 8)
    """

    def __init__(
        self,
        weights: Any,
        *,
        query_names: Sequence[str | int] | None = None,
        key_names: Sequence[str | int] | None = None,
        titles: Any = None,
    ) -> None:
        self.weights, self.query_names, self.key_names, self.titles = weights, query_names, key_names, titles

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        sample: int = 0,
        layer: int | None = None,
        head: int | None = None,
        kind: Literal["raw", "rollout"] = "raw",
        ax: Any = None,
        cmap: str = "viridis",
        colorbar: bool = True,
    ) -> Self:
        """Plot the attention maps of one sample.

        Parameters
        ----------
        estimator : AttentionClassifier, AttentionRegressor, SequenceTranslator or AttentionTransformer
            A fitted estimator. The queries of a translator are the tokens of the output that it predicts.
        X : samples as in ``fit``
            The rows of a table have one map together in an AttentionTransformer: give it the rows to look at.
        sample : int
            Index of the sample to plot, or of the set for an AttentionTransformer.
        layer, head : int or None
            Index of the layer and of the head to plot; None plots all.
        kind : {"raw", "rollout"}
            As in ``attention_maps``; ``"rollout"`` gives one plot, and not for translators.
        ax, cmap, colorbar
            As in `plot`.

        Returns
        -------
        AttentionMapDisplay

        Raises
        ------
        TypeError
            If the estimator has no attention among tokens, columns or rows.
        ValueError
            If the sample, layer or head does not exist, if an estimator without layers is asked for
            ``kind="rollout"``, or if the output of a translator has no token.
        """
        if isinstance(estimator, AttentionTransformer):
            weights = _bare_map(estimator, X, sample, kind)
            for parameter, number in (("layer", layer), ("head", head)):
                _chosen(weights[None], number, 0, parameter)
            return cls(weights).plot(ax, cmap=cmap, colorbar=colorbar)
        if not hasattr(estimator, "token_names"):
            raise TypeError(
                "estimator must be an AttentionClassifier, AttentionRegressor, SequenceTranslator or "
                f"AttentionTransformer, got {type(estimator).__name__}"
            )
        one = sample_of(X, sample)
        translates = hasattr(estimator, "query_names")  # to an output that is another sequence than the source
        if translates and kind != "raw":
            raise ValueError(f"kind={kind!r}: expected 'raw', as a {type(estimator).__name__} has raw maps alone")
        [names] = estimator.token_names(one)
        if translates:
            outputs = estimator.query_names(one)
            if not outputs[0]:
                raise ValueError(f"the output for sample {sample} has no token, so that there is nothing to plot")
            [maps] = estimator.attention_maps(one, outputs)
        else:
            [maps] = estimator.attention_maps(one, kind=kind)
        titles = None
        if kind == "raw":
            n_layers, n_heads = maps.shape[:2]
            titles = np.array([[f"layer {i}, head {j}" for j in range(n_heads)] for i in range(n_layers)])
            maps, titles = (_chosen(_chosen(array, layer, 0, "layer"), head, 1, "head") for array in (maps, titles))
        if translates:
            [query_names] = outputs
        else:
            query_names = names if maps.shape[-2] == maps.shape[-1] else None
        display = cls(maps, query_names=query_names, key_names=names, titles=titles)
        return display.plot(ax, cmap=cmap, colorbar=colorbar)

    def plot(self, ax: Any = None, *, cmap: str = "viridis", colorbar: bool = True) -> Self:
        """Draw the plots.

        Parameters
        ----------
        ax : matplotlib Axes or None
            Where to draw; several plots divide it. None makes a new figure.
        cmap : str
            Colour map, from zero to the greatest weight.
        colorbar : bool
            Whether to draw a colour bar.

        Returns
        -------
        self
        """
        weights = np.asarray(self.weights)
        if weights.ndim not in (2, 3, 4):
            raise ValueError(f"weights must have 2 to 4 dimensions, got the shape {weights.shape}")
        weights = weights.reshape((1,) * (4 - weights.ndim) + weights.shape)  # (layer, head, query, key)
        n_layers, n_heads = weights.shape[:2]
        if ax is None:
            width, height = _sizes(weights.shape)
            self.figure_ = pyplot(type(self).__name__).figure(figsize=(width + 1, height), layout="constrained")
            axes = self.figure_.subplots(n_layers, n_heads, squeeze=False)
        else:
            self.figure_ = ax.figure
            axes = np.array([[ax]], dtype=object) if n_layers * n_heads == 1 else _divided(ax, n_layers, n_heads)
        self.im_ = []
        for position, one in np.ndenumerate(axes):
            image = one.imshow(weights[position], cmap=cmap, vmin=0.0, vmax=weights.max(), aspect="auto")
            self.im_.append(image)
            _name(one.yaxis, self.query_names)
            _name(one.xaxis, self.key_names, rotation=90)
            if position[1] == 0:
                one.set_ylabel("query")
            if position[0] == n_layers - 1:
                one.set_xlabel("key")
            if self.titles is not None:
                one.set_title(np.asarray(self.titles)[position])
        if colorbar:
            self.figure_.colorbar(self.im_[0], ax=list(axes.flat), label="weight")
        self.ax_ = axes[0, 0] if axes.size == 1 else axes
        return self


def _divided(ax: Any, n_rows: int, n_columns: int) -> np.ndarray:
    """Divide `ax` into a grid of axes."""
    ax.set_axis_off()
    grid = ax.get_subplotspec().subgridspec(n_rows, n_columns)
    axes = np.empty((n_rows, n_columns), dtype=object)
    for row, column in np.ndindex(n_rows, n_columns):
        axes[row, column] = ax.figure.add_subplot(grid[row, column])
    return axes


def _sizes(shape: tuple[int, ...]) -> tuple[float, float]:
    """Return width and height of all plots in inches; plots grow with their tokens, single ones the most."""
    n_layers, n_heads, n_queries, n_keys = shape
    most = max(_SIDE, min(_WIDEST, _PAGE / max(n_layers, n_heads)))
    width, height = (max(_SIDE, min(most, 0.13 * n + 0.6)) for n in (n_keys, n_queries))
    return width * n_heads, height * n_layers


def _name(axis: Any, names: Sequence[str | int] | None, **style: Any) -> None:
    """Write names at an axis: all of them in letters that fit, or some of them after their numbers."""
    if names is None or len(names) == 0:
        return
    box, n = axis.axes.get_window_extent(), len(names)
    room = 72 * (box.width if axis.axis_name == "x" else box.height) / axis.axes.figure.dpi  # points
    size = min(_LARGEST, room / n / 1.2)
    step = 1
    if size < _SMALLEST:
        size = 8.0
        step = -(-n * 15 // max(1, int(room)))  # a name and the half of one between two names
    labels = [names[i] if step == 1 else f"{i} {names[i]}" for i in range(0, n, step)]
    axis.set_ticks(range(0, n, step), labels, fontsize=size, **style)


def _bare_map(estimator: AttentionTransformer, X: Any, sample: int, kind: str) -> np.ndarray:
    """Return the weights of the bare formula, (n_queries, n_keys): those of a table, or of one set."""
    if kind != "raw":
        raise ValueError(f"kind={kind!r}: expected 'raw', as an AttentionTransformer has one layer")
    if is_sets(X):
        weights = estimator.attention_maps(sample_of(X, sample))[0]
    elif sample != 0:
        raise ValueError(f"sample={sample!r}: expected 0, as the rows of a table have one map together")
    else:
        weights = estimator.attention_maps(X)
    return np.asarray(weights)
