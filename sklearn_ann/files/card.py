"""A model card: what a model is, of what data, how it was trained and how good it is, as Markdown."""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from sklearn.base import BaseEstimator
from torch import nn

from sklearn_ann.base import NeuralEstimator
from sklearn_ann.files.curves import svg_plot, text_plot
from sklearn_ann.files.modules import n_weights
from sklearn_ann.files.saving import versions

_BARS = "▁▂▃▄▅▆▇█"
_LONGEST = 40  # of a sparkline
_MOST_LETTERS = 80  # of a value
_MOST_CLASSES = 20


def model_card(
    model: BaseEstimator, scores: Mapping[str, Any] | None = None, *, plot: str | os.PathLike[str] | None = None
) -> str:
    """Describe a model in Markdown, for the readers of its file.

    Parameters
    ----------
    model : estimator
        A fitted estimator of this package, or a pipeline, search or other estimator of scikit-learn around some.
    scores : mapping of str to number, array or str, default=None
        Your measurements by name. The name should state the data, such as ``{"accuracy, 500 test rows": 0.93}``.
        Several values, such as those of cross-validation, become mean, standard deviation and number.
    plot : path ending in ``.svg``, default=None
        File in which to draw the losses by epoch. The card refers to the file: keep both in one folder. An existing
        file is replaced. Further networks have files with ``-2``, ``-3`` and so on before the ending. With None, the
        card draws the losses with letters, and no file is written.

    Returns
    -------
    str
        Sections on data, scores, hyper-parameters, training and versions. Each estimator inside another one has its own
        section.

    Raises
    ------
    TypeError
        If `model` is not an estimator, or if a score is neither a number nor text. The message states the score.
    ValueError
        If `plot` does not end in ``.svg``, or if the model has no training history.

    Notes
    -----
    A drawing with letters is displayed wherever Markdown is: on GitHub, Hugging Face and the package index, in editors
    and in a terminal. Web sites remove SVG code from Markdown, and few draw mermaid, so that an image needs a file of
    its own. The image needs no library, and contains no script and no external references.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_ann import TabularClassifier, model_card
    >>> X, y = load_iris(return_X_y=True)
    >>> model = TabularClassifier(random_state=0).fit(X, y)
    >>> print(model_card(model, scores={"accuracy, 5 folds": [0.95, 0.97, 0.96, 0.98, 0.94]}))
    # TabularClassifier
    ...
    | accuracy, 5 folds | 0.96 ± 0.0141 (5 values) |
    ...
    """
    if not isinstance(model, BaseEstimator):
        raise TypeError(f"model must be an estimator, got {type(model).__name__}")
    file = None if plot is None else Path(plot)
    if file is not None and file.suffix.lower() != ".svg":
        raise ValueError(f"plot={os.fspath(plot)!r}: expected a path that ends in .svg")  # type: ignore[arg-type]
    parts = [f"# {type(model).__name__}", _summary(model), _data(model)]
    if scores is not None:
        if not isinstance(scores, Mapping):
            raise TypeError(f"scores must be a dict of names and values, got {type(scores).__name__}")
        rows = [(str(name), _score(str(name), value)) for name, value in scores.items()]
        parts.append(_table("## Scores", ("score", "value"), rows))
    parts.append(_parameters(model))
    if isinstance(model, NeuralEstimator):
        networks = [model] if hasattr(model, "module_") else []
        parts += [_training(part) + "\n\n" + _drawn(part, file) for part in networks]
    else:
        inner = _neural_parts(model)
        networks = [part for _, part in inner]
        for place, (where, part) in enumerate(inner):
            parts += [f"## {where}: {type(part).__name__}", _summary(part), _data(part, "###")]
            parts += [_parameters(part, "###"), _training(part, "###"), _drawn(part, _numbered(file, place))]
    if file is not None and not any(losses(part) for part in networks):
        raise ValueError(f"plot={os.fspath(file)!r}, but {type(model).__name__} has no training history to draw")
    parts.append(_table("## Versions", ("package", "version"), versions().items()))
    return "\n\n".join(part for part in parts if part) + "\n"


def _summary(model: Any) -> str:
    """Return the first sentence of the class's documentation."""
    lines = (type(model).__doc__ or "").strip().splitlines()
    return lines[0] if lines else ""


def _neural_parts(model: Any) -> list[tuple[str, NeuralEstimator]]:
    """Return the networks inside an estimator of scikit-learn, those that were fitted, with where they are."""
    found: list[tuple[str, NeuralEstimator]] = []
    seen: set[int] = set()

    def visit(value: Any, where: str, depth: int) -> None:
        if id(value) in seen or depth > 10:
            return
        seen.add(id(value))
        if isinstance(value, NeuralEstimator):
            if hasattr(value, "module_"):
                found.append((where, value))
        elif isinstance(value, BaseEstimator):
            for name, part in vars(value).items():
                visit(part, f"{where}.{name}" if where else name, depth + 1)
        elif isinstance(value, dict):
            for name, part in value.items():
                visit(part, f"{where}[{name!r}]", depth + 1)
        elif isinstance(value, list | tuple) and len(value) < 1000:
            named = len(value) in (2, 3) and isinstance(value[0], str)
            for place, part in enumerate(value):
                visit(part, f"{where}[{value[0] if named else place}]", depth + 1)

    visit(model, "", 0)
    return found


def _data(model: Any, level: str = "##") -> str:
    rows = []
    if getattr(model, "n_features_in_", None) is not None:
        rows.append(("features", str(model.n_features_in_)))
    if hasattr(model, "feature_names_in_"):
        rows.append(("names of the features", _listed(np.asarray(model.feature_names_in_))))
    classes = getattr(model, "classes_", None)
    if isinstance(classes, np.ndarray):
        rows.append((f"{len(classes)} classes", _listed(classes)))
    elif isinstance(classes, list):
        rows += [(f"{len(part)} classes of output {place}", _listed(part)) for place, part in enumerate(classes)]
    return _table(f"{level} Data", ("what", "value"), rows)


def _parameters(model: Any, level: str = "##") -> str:
    """Return all hyper-parameters; those that differ from the default have bold names."""
    signature = inspect.signature(type(model)).parameters
    resolved = vars(model).get("resolved_parameters_", {})
    rows = []
    for name, value in model.get_params(deep=False).items():
        default = signature[name].default if name in signature else inspect.Parameter.empty
        text = _short(value)
        if isinstance(value, str) and value == "auto" and resolved.get(name, value) != value:
            text += f" ({_short(resolved[name])})"
        rows.append((name if repr(value) == repr(default) else f"**{name}**", text))
    return _table(f"{level} Hyper-parameters (bold: not the default)", ("name", "value"), rows)


def _training(model: NeuralEstimator, level: str = "##") -> str:
    module: nn.Module | None = vars(model).get("module_")
    if module is None:
        return ""
    history: dict[str, list[float]] = model.history_
    kinds = sorted({str(parameter.dtype).removeprefix("torch.") for parameter in module.parameters()})
    rows = [
        ("weights", f"{n_weights(module):,} ({', '.join(kinds)})"),
        ("epochs", f"{model.n_iter_}, best {model.best_epoch_}"),
        ("loss", _number(model.loss_)),
    ]
    for name, values in losses(model).items():
        if values:
            rows.append((f"{name} by epoch", f"{_number(values[0])} `{sparkline(values)}` {_number(values[-1])}"))
    if history.get("duration"):
        rows.append(("seconds of training", _number(float(np.nansum(history["duration"])))))
    return _table(f"{level} Training", ("what", "value"), rows)


def losses(model: NeuralEstimator) -> dict[str, list[float]]:
    """Return the losses by epoch, by name."""
    history: dict[str, list[float]] = model.history_
    return {name: values for name, values in history.items() if "loss" in name}


def _drawn(model: NeuralEstimator, file: Path | None) -> str:
    """Return a drawing of the losses: a block of text, or a reference to the file in which they are drawn."""
    curves = losses(model)
    if file is None:
        text = text_plot(curves)
        return f"```text\n{text}\n```" if text else ""
    picture = svg_plot(curves, model.best_epoch_)
    if not picture:
        return ""
    file.write_text(picture, encoding="utf-8")
    return f"![Losses of {type(model).__name__} by epoch]({quote(file.name)})"


def _numbered(file: Path | None, place: int) -> Path | None:
    return file if file is None or place == 0 else file.with_stem(f"{file.stem}-{place + 1}")


def sparkline(values: Sequence[float]) -> str:
    """Draw values as bars of eight heights; long series are averaged in places, what is not finite is a blank."""
    numbers = np.asarray(values, dtype=float)
    numbers = np.array([part.mean() for part in np.array_split(numbers, min(_LONGEST, len(numbers)))])
    finite = numbers[np.isfinite(numbers)]
    if not len(finite):
        return " " * len(numbers)
    low, span = finite.min(), np.ptp(finite)
    places = np.zeros(len(numbers)) if span == 0 else (numbers - low) / span * (len(_BARS) - 1)
    return "".join(_BARS[round(place)] if math.isfinite(place) else " " for place in places)


# --- Markdown ------------------------------------------------------------------------------------------------------


def _table(title: str, names: tuple[str, str], rows: Iterable[tuple[str, str]]) -> str:
    lines = [f"| {_cell(name)} | {_cell(value)} |" for name, value in rows]
    head = [f"| {names[0]} | {names[1]} |", "| --- | --- |"]
    return "\n".join([title, "", *head, *lines]) if lines else ""


def _cell(text: str) -> str:
    """Return a text that stays within its cell; names of classes and features may be anything."""
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())


def _score(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    try:
        numbers = np.asarray(value)
        if numbers.dtype.kind not in "biuf" or not numbers.size:
            raise TypeError
    except (TypeError, ValueError):
        raise TypeError(f"scores[{name!r}]={_short(value)}: expected a number, several, or a text") from None
    numbers = numbers.astype(float).ravel()
    if len(numbers) == 1:
        return _number(numbers[0])
    return f"{_number(numbers.mean())} ± {_number(numbers.std())} ({len(numbers)} values)"


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def _short(value: Any) -> str:
    text = type(value).__name__ if isinstance(value, BaseEstimator | nn.Module) else repr(value)
    return text if len(text) <= _MOST_LETTERS else text[: _MOST_LETTERS - 1] + "…"


def _listed(values: np.ndarray) -> str:
    shown = ", ".join(str(value)[:_MOST_LETTERS] for value in values[:_MOST_CLASSES].tolist())
    return shown if len(values) <= _MOST_CLASSES else f"{shown}, … ({len(values)})"
