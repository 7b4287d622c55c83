"""From a graph of objects to JSON and back: who asks which kind a value is, and who keeps what is shared.

A value is a scalar of JSON or a node, a JSON object with one tag: ``{"tuple": [1, 2]}``. A value that is met again is
``{"ref": n}``, where the node that came first has the ``"id"`` n. A reference leads back to what is complete, so that
no file makes a circle. Nothing is called but the kinds that are listed in `files.kinds`: no ``__reduce__``, no
``__setstate__`` of others, no constructor with arguments of the file's choice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from sklearn_ann.files.errors import ModelFileError
from sklearn_ann.files.names import Names
from sklearn_ann.files.tensors import StoredArrays

Node = dict[str, Any]
MOST_DEPTH = 120
_SCALARS = (str, bool, int)


@dataclass(frozen=True)
class Kind:
    """One kind of values.

    Attributes
    ----------
    tag : str
        The key of its nodes.
    holds : callable
        ``value -> bool``: whether a value is of this kind.
    encode : callable
        ``(value, encoder, where) -> node``.
    decode : callable
        ``(node, decoder, where) -> value``; raises `ModelFileError` if the node is not what `encode` makes.
    """

    tag: str
    holds: Callable[[Any], bool]
    encode: Callable[[Any, Encoder, str], Node]
    decode: Callable[[Node, Decoder, str], Any]


class Encoder:
    """Turns values into JSON, and collects their tensors.

    Parameters
    ----------
    kinds : sequence of Kind
        The first kind that holds a value is its kind.
    names : Names
    optimizer : bool
        Whether to keep the state of optimisers.
    """

    def __init__(self, kinds: Sequence[Kind], names: Names, *, optimizer: bool = False) -> None:
        self.names, self.optimizer = names, optimizer
        self.tensors: list[Tensor] = []
        self._kinds = kinds
        self._nodes: dict[int, Node | None] = {}
        self._kept_alive: list[Any] = []  # the address of a value that is gone may become that of another
        self._n_shared = 0
        self._depth = 0

    def encode(self, value: Any, where: str) -> Any:
        """Return a value as JSON; `where` says in errors what it is."""
        if value is None or type(value) in _SCALARS or (type(value) is float and math.isfinite(value)):
            return value
        if id(value) in self._nodes:
            node = self._nodes[id(value)]
            if node is None:
                raise ModelFileError(f"{where} is a part of itself; files keep no circles")
            if "id" not in node:
                node["id"] = self._n_shared
                self._n_shared += 1
            return {"ref": node["id"]}
        self._nodes[id(value)] = None
        self._kept_alive.append(value)
        kind = next((kind for kind in self._kinds if kind.holds(value)), None)
        if kind is None or self._depth >= MOST_DEPTH:
            why = "is nested too deeply" if kind else f"is {type(value).__module__}.{type(value).__qualname__}"
            raise ModelFileError(f"{where} {why}, which files do not keep")
        self._depth += 1
        node = kind.encode(value, self, where)
        self._depth -= 1
        self._nodes[id(value)] = node
        return node

    def tensor(self, tensor: Tensor) -> int:
        """Keep a contiguous tensor on the CPU; return its number."""
        self.tensors.append(tensor)
        return len(self.tensors) - 1


class Decoder:
    """Turns JSON into values.

    Parameters
    ----------
    kinds : sequence of Kind
    names : Names
    arrays : StoredArrays
    most_values : int
        How many values there may be, counted as often as they are referred to.
    """

    def __init__(self, kinds: Sequence[Kind], names: Names, arrays: StoredArrays, most_values: int = 2**17) -> None:
        self.names, self.arrays, self._most_values = names, arrays, most_values
        self._kinds = {kind.tag: kind for kind in kinds}
        self._shared: dict[int, tuple[Any, int]] = {}  # with the number of values in each
        self._n_values = 0
        self._depth = 0

    def decode(self, node: Any, where: str) -> Any:
        """Return the value of a node; `where` says in errors what it is."""
        if node is None or isinstance(node, str | int | float):
            return node
        if not isinstance(node, dict):
            raise ModelFileError(f"{where} is a list without a tag")
        if "ref" in node:
            number = node["ref"]
            if len(node) != 1 or type(number) is not int or number not in self._shared:
                raise ModelFileError(f"{where} refers to {str(node)[:50]}, which does not come before it")
            value, n_values = self._shared[number]
            self._count(n_values, where)
            return value
        tags = [tag for tag in node if tag in self._kinds]
        if len(tags) != 1:
            raise ModelFileError(f"{where} has the keys {str(list(node))[:100]}: expected one tag that is known")
        before = self._n_values
        self._count(1, where)
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise ModelFileError(f"{where} is nested too deeply")
        value = self._kinds[tags[0]].decode(node, self, where)
        self._depth -= 1
        if "id" in node:
            number = node["id"]
            if type(number) is not int or number in self._shared:
                raise ModelFileError(f"{where} has the number {str(number)[:50]}, which is given already")
            self._shared[number] = value, self._n_values - before
        return value

    def _count(self, n_values: int, where: str) -> None:
        """Count values as often as they are referred to: pairs of pairs of pairs would never come to an end."""
        self._n_values += n_values
        if self._n_values > self._most_values:
            raise ModelFileError(
                f"{where} takes more than {self._most_values} values, counted as often as they are shared"
            )

    def decoded(self, values: Any, where: str) -> list[Any]:
        """Return the values of a list of nodes."""
        return [self.decode(value, f"{where}[{place}]") for place, value in enumerate(a_list(values, where))]

    def by_name(self, values: Any, where: str) -> dict[str, Any]:
        """Return the values of named nodes."""
        return {name: self.decode(value, f"{where}.{name}") for name, value in a_dict(values, where).items()}


def a_list(value: Any, where: str) -> list[Any]:
    """Return a list of a node, or refuse."""
    if not isinstance(value, list):
        raise ModelFileError(f"{where} must be a list, not {str(value)[:50]}")
    return value


def a_dict(value: Any, where: str) -> dict[str, Any]:
    """Return named values of a node, or refuse."""
    if not isinstance(value, dict):
        raise ModelFileError(f"{where} must have names, not {str(value)[:50]}")
    return value
