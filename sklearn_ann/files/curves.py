"""Losses by epoch as a picture: as text, and as an SVG file without any library."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from xml.sax.saxutils import escape

import numpy as np

Curves = Mapping[str, Sequence[float]]

_MARKS = "*ox+#@%&"
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")  # told apart by the colour-blind (Okabe and Ito 2008)
_WIDTH, _HEIGHT = 60, 13  # letters and lines of a text
_LOGARITHMIC = 30  # ratio of the greatest to the smallest value from which on the axis is logarithmic


class Scale:
    """Where values stand between the least, 0, and the greatest, 1, of all that are finite.

    Parameters
    ----------
    values : array of shape (n,)
        Finite values, one or more.
    """

    def __init__(self, values: np.ndarray) -> None:
        self.least, self.greatest = float(values.min()), float(values.max())
        self.logarithmic = self.least > 0 and self.greatest / _LOGARITHMIC >= self.least

    def places(self, values: np.ndarray) -> np.ndarray:
        """Return numbers from 0 to 1; NaN for values that are not finite."""
        ends = np.array([self.least, self.greatest])
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.logarithmic:
                values, ends = np.log(values), np.log(ends)
            values, ends = values / 2, ends / 2  # so that no difference overflows
            span = ends[1] - ends[0]
            found: np.ndarray = (values - ends[0]) / span if span > 0 else np.where(values == ends[0], 0.5, np.nan)
        return np.where(np.isfinite(values), found, np.nan)

    def value(self, place: float) -> float:
        """Return the value that stands at a place."""
        if self.logarithmic:
            return float(math.exp(math.log(self.least) * (1 - place) + math.log(self.greatest) * place))
        return self.least * (1 - place) + self.greatest * place


def drawable(curves: Curves) -> dict[str, np.ndarray]:
    """Return the curves that have a finite value, as arrays, by names of letters, digits and spaces alone."""
    found = {}
    for name, values in curves.items():
        numbers = np.asarray(values, dtype=np.float64)
        if np.isfinite(numbers).any():
            found[re.sub(r"[^\w]+|_+", " ", name).strip()[:40]] = numbers
    return dict(list(found.items())[: len(_MARKS)])


def number(value: float) -> str:
    """Return a number in three digits."""
    return f"{value:.3g}"


def text_plot(curves: Curves) -> str:
    """Draw curves by letters, one for each curve, in lines of equal width.

    Parameters
    ----------
    curves : mapping of str to sequence of float
        Values by epoch. Those that are not finite are left out. Where there are more epochs than columns, a column
        shows the mean of several.

    Returns
    -------
    str
        ASCII alone, without a back quote; empty if there is nothing to draw.
    """
    arrays = drawable(curves)
    if not arrays:
        return ""
    scale = Scale(np.concatenate([values[np.isfinite(values)] for values in arrays.values()]))
    n_epochs = max(map(len, arrays.values()))
    width = min(_WIDTH, n_epochs)
    wide = -(-min(_WIDTH, 30) // width) if width < 30 else 1  # columns between two epochs, if they are few
    grid = [[" "] * ((width - 1) * wide + 1) for _ in range(_HEIGHT)]
    for mark, values in reversed(list(zip(_MARKS, arrays.values(), strict=False))):  # the first lies above
        padded = np.concatenate([values, np.full(n_epochs - len(values), np.nan)])
        for column, part in enumerate(np.array_split(padded, width)):
            known = part[np.isfinite(part)]
            if len(known):
                row = _HEIGHT - 1 - round(float(scale.places(known).mean()) * (_HEIGHT - 1))
                grid[row][column * wide] = mark
    labels = {row: number(scale.value(1 - row / (_HEIGHT - 1))) for row in (0, _HEIGHT // 2, _HEIGHT - 1)}
    if scale.least == scale.greatest:
        labels = {_HEIGHT // 2: number(scale.least)}
    margin = max(map(len, labels.values()))
    rows = [f"{labels.get(row, ''):>{margin}} |{''.join(line)}".rstrip() for row, line in enumerate(grid)]
    last = str(n_epochs) if n_epochs > 1 else ""
    legend = ", ".join(f"{mark} {name}" for mark, name in zip(_MARKS, arrays, strict=False))
    below = f"{' ' * margin}  1{last:>{max(len(grid[0]) - 1, len(last) + 1)}} epoch"
    axis = f"{' ' * margin} +{'-' * len(grid[0])}"
    return "\n".join([legend + (" (logarithmic axis)" if scale.logarithmic else ""), *rows, axis, below.rstrip()])


# --- SVG -------------------------------------------------------------------------------------------------------------

_LEFT, _RIGHT, _TOP, _BOTTOM = 64.0, 624.0, 40.0, 260.0  # of the axes, in an image of 640 by 310
_MOST_POINTS = 560  # of a curve: one for each pixel


def svg_plot(curves: Curves, best_epoch: int | None = None) -> str:
    """Draw curves as an SVG image, which has no script and refers to nothing outside.

    Parameters
    ----------
    curves : mapping of str to sequence of float
        Values by epoch. At those that are not finite, the line is interrupted.
    best_epoch : int or None
        The epoch, from 1 on, at which a line is drawn.

    Returns
    -------
    str
        A whole SVG file; empty if there is nothing to draw.
    """
    arrays = drawable(curves)
    if not arrays:
        return ""
    scale = Scale(np.concatenate([values[np.isfinite(values)] for values in arrays.values()]))
    n_epochs = max(map(len, arrays.values()))

    def x_of(epoch: float) -> float:
        return (_LEFT + _RIGHT) / 2 if n_epochs == 1 else _LEFT + (epoch - 1) / (n_epochs - 1) * (_RIGHT - _LEFT)

    def y_of(values: np.ndarray) -> np.ndarray:
        heights: np.ndarray = _BOTTOM - 8 - scale.places(values) * (_BOTTOM - _TOP - 16)
        return heights

    parts = [_line(_LEFT, _BOTTOM, _RIGHT, _BOTTOM, "#444444"), _line(_LEFT, _TOP, _LEFT, _BOTTOM, "#444444")]
    for value in ticks(scale.least, scale.greatest, logarithmic=scale.logarithmic):
        height = float(y_of(np.array([value]))[0])
        parts += [_line(_LEFT, height, _RIGHT, height, "#e0e0e0"), _text(_LEFT - 6, height + 4, number(value), "end")]
    for epoch in _whole_ticks(n_epochs):
        parts += [_line(x_of(epoch), _BOTTOM, x_of(epoch), _BOTTOM + 4, "#444444")]
        parts += [_text(x_of(epoch), _BOTTOM + 18, str(epoch), "middle")]
    parts.append(_text((_LEFT + _RIGHT) / 2, _BOTTOM + 38, "epoch", "middle"))
    place = _LEFT
    if best_epoch is not None and 1 <= best_epoch <= n_epochs:
        x = x_of(best_epoch)
        parts.append(_line(x, _TOP, x, _BOTTOM, "#888888", dashed=True))
        parts.append(_text(_RIGHT, 24, f"dashed: best epoch, {best_epoch}", "end"))
    for turn, (name, values) in enumerate(arrays.items()):
        colour = _COLOURS[turn % len(_COLOURS)]
        parts += _curve(values, x_of, y_of, colour, dashed=turn >= len(_COLOURS))
        parts += [_line(place, 20, place + 18, 20, colour, width=2), _text(place + 24, 24, name, "start")]
        place += 24 + 7.5 * len(name) + 18
    if scale.logarithmic:
        parts.append(_text(_RIGHT, _TOP - 2, "logarithmic axis", "end"))
    head = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 310" width="640" height="310" role="img">'
    title = f"<title>{escape(', '.join(arrays))} by epoch</title>"
    paper = '<rect width="640" height="310" fill="#ffffff"/>'  # readable on a dark page too
    group = '<g font-family="sans-serif" font-size="12" fill="#333333">'
    return "\n".join([head, title, paper, group, *parts, "</g>", "</svg>"]) + "\n"


def ticks(low: float, high: float, *, logarithmic: bool = False) -> list[float]:
    """Return round values from `low` to `high`, three to eight where there are such."""
    if not 0 < high - low < math.inf:
        return [low]
    if logarithmic:
        first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
        steps = (1, 2, 5) if last - first <= 3 else (1,)
        powers = range(first, last + 1, max(1, (last - first) // 6))
        return [value for power in powers for step in steps if low <= (value := step * 10.0**power) <= high]
    step = 10.0 ** math.floor(math.log10((high - low) / 3))
    step *= next(factor for factor in (10, 5, 2, 1) if (high - low) / (factor * step) >= 2.5)
    return [count * step for count in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _whole_ticks(n_epochs: int) -> list[int]:
    """Return round numbers of epochs, the first among them."""
    inner = [round(value) for value in ticks(1, n_epochs) if value == round(value)]
    return inner if inner[:1] == [1] else [1, *inner]


def _curve(
    values: np.ndarray,
    x_of: Callable[[float], float],
    y_of: Callable[[np.ndarray], np.ndarray],
    colour: str,
    dashed: bool,
) -> list[str]:
    """Return a line for each stretch of finite values, and a dot for one that stands alone."""
    epochs = np.arange(1, len(values) + 1, dtype=np.float64)
    n_points = min(len(values), _MOST_POINTS)
    epochs, values = (np.array([part.mean() for part in np.array_split(array, n_points)]) for array in (epochs, values))
    breaks = np.flatnonzero(np.diff(np.isfinite(values).astype(int))) + 1
    found = []
    for part in np.split(np.arange(n_points), breaks):
        if not np.isfinite(values[part[0]]):
            continue
        points = [f"{x_of(x):.1f},{y:.1f}" for x, y in zip(epochs[part], y_of(values[part]), strict=True)]
        if len(points) == 1:
            x, y = points[0].split(",")
            found.append(f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>')
        else:
            dashes = ' stroke-dasharray="6 3"' if dashed else ""
            found.append(
                f'<polyline points="{" ".join(points)}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>'
            )
    return found


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, *, width: int = 1, dashed: bool = False) -> str:
    dashes = ' stroke-dasharray="4 4"' if dashed else ""
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="{colour}" stroke-width="{width}"{dashes}/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
