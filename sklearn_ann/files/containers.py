"""Python's own values: numbers that JSON lacks, containers, functions and classes by name."""

from __future__ import annotations

import base64
import functools
import types
from pathlib import Path
from typing import Any

from sklearn_ann.files.compiled import check_named
from sklearn_ann.files.errors import ModelFileError
from sklearn_ann.files.graph import Decoder, Encoder, Kind, Node, a_dict, a_list
from sklearn_ann.files.names import METHODS, full_name

_NOT_FINITE = ("inf", "-inf", "nan")


def _float_of(node: Node, decoder: Decoder, where: str) -> float:
    if node["float"] not in _NOT_FINITE:
        raise ModelFileError(f"{where} must be one of {_NOT_FINITE}")
    return float(node["float"])


def _sequence(tag: str, kind: type) -> Kind:
    def encode(value: Any, encoder: Encoder, where: str) -> Node:
        return {tag: [encoder.encode(item, f"{where}[{place}]") for place, item in enumerate(value)]}

    return Kind(
        tag,
        lambda value: type(value) is kind,
        encode,
        lambda node, decoder, where: kind(decoder.decoded(node[tag], where)),
    )


def _set(tag: str, kind: type) -> Kind:
    def encode(value: Any, encoder: Encoder, where: str) -> Node:
        # Sets of strings have another order in each process; equal models make equal files.
        return {
            tag: [encoder.encode(item, where) for item in sorted(value, key=lambda item: (str(type(item)), repr(item)))]
        }

    return Kind(
        tag,
        lambda value: type(value) is kind,
        encode,
        lambda node, decoder, where: kind(decoder.decoded(node[tag], where)),
    )


def _encoded_named(value: Any, encoder: Encoder, where: str) -> Node:
    node: Node = {"named": encoder.names.of(type(value), where)}
    node["values"] = [encoder.encode(item, f"{where}.{name}") for name, item in zip(value._fields, value, strict=True)]
    return node


def _named_of(node: Node, decoder: Decoder, where: str) -> Any:
    cls = decoder.names.find(node["named"], where, "named tuple")
    values = decoder.decoded(node.get("values"), where)
    if not isinstance(cls, type) or not issubclass(cls, tuple) or len(getattr(cls, "_fields", "")) != len(values):
        raise ModelFileError(f"{where}: {node['named']} is no named tuple of {len(values)} values")
    found = tuple.__new__(cls, values)
    check_named(found, where)
    return found


def _encoded_dict(value: dict[Any, Any], encoder: Encoder, where: str) -> Node:
    node: Node = {} if type(value) is dict else {"class": encoder.names.of(type(value), where)}
    if all(type(key) is str for key in value):
        return {"dict": {key: encoder.encode(item, f"{where}[{key!r}]") for key, item in value.items()}} | node
    pairs = [[encoder.encode(key, where), encoder.encode(item, f"{where}[{key!r}]")] for key, item in value.items()]
    return {"dict": pairs} | node


def _dict_of(node: Node, decoder: Decoder, where: str) -> dict[Any, Any]:
    cls = decoder.names.find(node["class"], where) if "class" in node else dict
    if not isinstance(cls, type) or not issubclass(cls, dict):
        raise ModelFileError(f"{where}: {node['class']} is no dictionary")
    found = cls()
    given = node["dict"]
    if isinstance(given, dict):
        for key, item in decoder.by_name(given, where).items():
            found[key] = item
        return found
    for pair in a_list(given, where):
        if len(a_list(pair, where)) != 2:
            raise ModelFileError(f"{where} must hold pairs")
        key = decoder.decode(pair[0], where)
        found[key] = decoder.decode(pair[1], where)
    return found


def _bytes_of(node: Node, decoder: Decoder, where: str) -> bytes:
    return base64.b64decode(str(node["bytes"]), validate=True)


def _path_of(node: Node, decoder: Decoder, where: str) -> Path:
    if not isinstance(node["path"], str):
        raise ModelFileError(f"{where} must be a path")
    return Path(node["path"])


def _encoded_span(value: range | slice, encoder: Encoder, where: str) -> Node:
    return {type(value).__name__: [encoder.encode(part, where) for part in (value.start, value.stop, value.step)]}


def _span_of(kind: type, node: Node, decoder: Decoder, where: str) -> Any:
    parts = decoder.decoded(node[kind.__name__], where)
    if len(parts) != 3 or not all(part is None or type(part) is int for part in parts):
        raise ModelFileError(f"{where} must be three integers")
    return kind(*parts)


def _encoded_callable(value: Any, encoder: Encoder, where: str) -> Node:
    return {"name": encoder.names.of(value, where)}


def _callable_of(node: Node, decoder: Decoder, where: str) -> Any:
    return decoder.names.find(node["name"], where)


def _encoded_partial(value: functools.partial, encoder: Encoder, where: str) -> Node:
    parts = [encoder.encode(value.func, where), *(encoder.encode(part, where) for part in value.args)]
    return {"partial": parts, "keywords": {name: encoder.encode(part, where) for name, part in value.keywords.items()}}


def _partial_of(node: Node, decoder: Decoder, where: str) -> functools.partial:
    function, *parts = decoder.decoded(node["partial"], where)
    if isinstance(function, type) or not (
        _is_function(function) or type(function) in (functools.partial, types.MethodType)
    ):
        raise ModelFileError(f"{where} must be a function with some of its arguments")
    return functools.partial(function, *parts, **decoder.by_name(a_dict(node.get("keywords"), where), where))


def _encoded_method(value: types.MethodType, encoder: Encoder, where: str) -> Node:
    if full_name(value.__func__) not in METHODS:
        raise ModelFileError(f"{where} is the method {full_name(value.__func__)}, which files do not keep")
    return {"method": value.__func__.__name__, "of": encoder.encode(value.__self__, where)}


def _method_of(node: Node, decoder: Decoder, where: str) -> Any:
    owner = decoder.decode(node.get("of"), where)
    name = node["method"]
    found = getattr(owner, name, None) if isinstance(name, str) and not name.startswith("_") else None
    if not isinstance(found, types.MethodType) or full_name(found.__func__) not in METHODS:
        raise ModelFileError(
            f"{where} names the method {str(name)[:100]!r}, which is not among those that a file may name"
        )
    return found


def _is_named_tuple(value: Any) -> bool:
    return isinstance(value, tuple) and hasattr(value, "_fields") and not getattr(value, "__dict__", None)


def _is_function(value: Any) -> bool:
    """Return whether a value is a function or a class; most of NumPy's are of types of its own."""
    known = isinstance(value, types.FunctionType | types.BuiltinFunctionType | type)
    return known or type(value).__name__ in ("ufunc", "_ArrayFunctionDispatcher")


KINDS = (
    Kind("float", lambda value: type(value) is float, lambda value, *_: {"float": repr(value)}, _float_of),
    _sequence("list", list),
    _sequence("tuple", tuple),
    _set("set", set),
    _set("frozenset", frozenset),
    Kind("named", _is_named_tuple, _encoded_named, _named_of),
    Kind("dict", lambda value: isinstance(value, dict), _encoded_dict, _dict_of),
    Kind(
        "bytes",
        lambda value: type(value) is bytes,
        lambda value, *_: {"bytes": base64.b64encode(value).decode()},
        _bytes_of,
    ),
    Kind("path", lambda value: isinstance(value, Path), lambda value, *_: {"path": value.as_posix()}, _path_of),
    Kind("range", lambda value: type(value) is range, _encoded_span, functools.partial(_span_of, range)),
    Kind("slice", lambda value: type(value) is slice, _encoded_span, functools.partial(_span_of, slice)),
    Kind("partial", lambda value: type(value) is functools.partial, _encoded_partial, _partial_of),
    Kind("method", lambda value: type(value) is types.MethodType, _encoded_method, _method_of),
    Kind(
        "name",
        _is_function,
        _encoded_callable,
        _callable_of,
    ),
)
