"""Hyper-parameters declared once, as annotated class fields, and fitted attributes with their types.

An estimator writes ``n_components: PositiveInt = 2`` in its class body; from that one line come its
``__init__``, its row in scikit-learn's parameter validation and the default in its docstring.
``loss_: float = fitted()`` tells readers and type checkers what ``fit`` leaves.
"""

from __future__ import annotations

import dataclasses
import inspect
import types
from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Annotated, Any, Literal, TypeVar, Union, dataclass_transform, get_args, get_origin, get_type_hints

import numpy as np
from sklearn.base import BaseEstimator

from sklearn_ann._sklearn import Interval, StrOptions
from sklearn_ann.base.docstrings import complete_docstring


class _IntervalOfEach(Interval):
    """An interval for a number, or for each number of a sequence."""

    def is_satisfied_by(self, val: object) -> bool:
        numbers = val if isinstance(val, list | tuple | np.ndarray) else (val,)
        return all(super(_IntervalOfEach, self).is_satisfied_by(number) for number in numbers)

    def __str__(self) -> str:
        return f"{super().__str__()} or a sequence of such"


PositiveInt = Annotated[int, Interval(Integral, 1, None, closed="left")]
NonNegativeInt = Annotated[int, Interval(Integral, 0, None, closed="left")]
PositiveFloat = Annotated[float, Interval(Real, 0, None, closed="neither")]
NonNegativeFloat = Annotated[float, Interval(Real, 0, None, closed="left")]
OpenFraction = Annotated[float, Interval(Real, 0, 1, closed="neither")]
"""A share in (0, 1)."""
MinorFraction = Annotated[float, Interval(Real, 0, 0.5, closed="right")]
"""A share in (0, 0.5]."""
Fraction = Annotated[float, Interval(Real, 0, 1, closed="left")]
"""A share in [0, 1)."""
ClosedFraction = Annotated[float, Interval(Real, 0, 1, closed="both")]
"""A share in [0, 1]."""
DropProbability = Fraction
SmallPower = Annotated[float, Interval(Real, 0, 4, closed="both")]
"""An exponent in [0, 4], by which the powers of large numbers fit in float32."""
RandomState = Annotated[int | np.random.RandomState | None, "random_state"]
LayerSizes = Annotated[int | tuple[int, ...], _IntervalOfEach(Integral, 1, None, closed="left")]


def constraints(hint: Any) -> list[Any]:
    """Translate an annotation into scikit-learn's list of parameter constraints."""
    origin = get_origin(hint)
    if origin is Annotated:
        return list(hint.__metadata__)
    if origin in (Union, types.UnionType):
        return [constraint for option in get_args(hint) for constraint in constraints(option)]
    if origin is Literal:
        return [StrOptions(set(get_args(hint)))]
    if hint is type(None):
        return [None]
    kind = origin or hint
    return [{bool: "boolean", int: Integral, float: Real, Callable: callable}.get(kind, kind)]


_FITTED = object()


def fitted(*, init: Literal[False] = False) -> Any:  # noqa: ARG001  # read by type checkers
    """Declare an attribute that only ``fit`` sets, such as ``loss_: float = fitted()``.

    `init` tells type checkers that the attribute is no argument of ``__init__``; see `typing.dataclass_transform`.
    At run time `declared` removes the value, so that the attribute does not exist before ``fit``.
    """
    return _FITTED


C = TypeVar("C", bound=type[BaseEstimator])


@dataclass_transform(kw_only_default=True, eq_default=False, field_specifiers=(fitted,))
def declared(cls: C) -> C:
    """Make the annotated fields of an estimator its hyper-parameters.

    The class gets a keyword-only ``__init__`` that stores its own fields and the fields it inherits, its own first.
    Names that start or end with an underscore and ``ClassVar`` fields are not hyper-parameters. Declaring an inherited
    field again changes its default or its bounds and keeps its place. A class that writes or inherits an ``__init__``
    of its own keeps it.
    """
    for name in [name for name, value in vars(cls).items() if value is _FITTED]:
        delattr(cls, name)
    nearest = next(ancestor for ancestor in cls.__mro__ if "__init__" in vars(ancestor))
    if issubclass(nearest, BaseEstimator) and not hasattr(vars(nearest)["__init__"], "_is_declared"):
        return cls  # written by hand
    # The most distant ancestor comes first, so that a nearer declaration of the same name wins.
    fields: dict[str, Any] = {}
    for ancestor in reversed(cls.__mro__):
        own = _own_fields(ancestor)
        fields = {name: None for name in own if name not in fields} | fields
        fields |= own
    plain = get_type_hints(cls)
    defaults = {name: getattr(cls, name) for name in fields}
    holder = dataclasses.make_dataclass(
        cls.__name__,
        [(name, plain[name], dataclasses.field(default=defaults[name])) for name in fields],
        kw_only=True,
    )
    init: Any = vars(holder)["__init__"]
    init.__qualname__, init.__module__ = f"{cls.__qualname__}.__init__", cls.__module__
    init._is_declared = True
    constrained = {name: "no_validation" if hint is Any else constraints(hint) for name, hint in fields.items()}
    for name, value in (("__init__", init), ("_parameter_constraints", constrained)):
        setattr(cls, name, value)
    complete_docstring(cls, defaults)
    return cls


def chosen_names(parameter: str, value: Any, known: Sequence[str], alternative: str = "") -> list[str]:
    """Return the names in a hyper-parameter that takes one or more of `known`; `alternative` begins the message.

    Raises
    ------
    ValueError
        If `value` is no such name and no sequence of them.
    """
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, Sequence) or not names or any(name not in known for name in names):
        raise ValueError(f"{parameter} must be {alternative}one or more of {', '.join(known)}; got {value!r}")
    return list(names)


def check_image_shape(image_shape: Sequence[int] | None) -> None:
    """Raise a ValueError if convolutions are asked for, and the shape of the images is not given."""
    if image_shape is None:
        raise ValueError("architecture='conv' needs image_shape=(height, width) or (height, width, channels), got None")


def _own_fields(cls: type) -> dict[str, Any]:
    """Return the annotations, bounds included, of the hyper-parameters that the body of `cls` declares."""
    if cls.__module__.partition(".")[0] == "sklearn":
        return {}
    names = [
        name
        for name, annotation in inspect.get_annotations(cls).items()
        if not (name.startswith("_") or name.endswith("_") or "ClassVar" in str(annotation))
    ]
    if not names:
        return {}
    hints = get_type_hints(cls, include_extras=True)
    return {name: hints[name] for name in names}
