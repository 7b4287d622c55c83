"""Distributions of scipy with their parameters, from which a random search draws."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

from sklearn_ann.files.errors import ModelFileError
from sklearn_ann.files.graph import Decoder, Encoder, Kind, Node, a_dict

_CONTINUOUS = (
    *("beta", "chi2", "expon", "exponnorm", "gamma", "halfnorm", "laplace", "logistic", "loguniform", "lognorm"),
    *("norm", "powerlaw", "reciprocal", "t", "triang", "truncexpon", "truncnorm", "uniform", "weibull_min"),
)
_DISCRETE = ("betabinom", "binom", "geom", "nbinom", "poisson", "randint")
_NAMES = frozenset((*_CONTINUOUS, *_DISCRETE))


def _is_frozen(value: Any) -> bool:
    cls = type(value)
    return cls.__module__ == "scipy.stats._distn_infrastructure" and cls.__name__.endswith("_frozen")


def _encoded(value: Any, encoder: Encoder, where: str) -> Node:
    from scipy import stats

    name = value.dist.name
    if name not in _NAMES or type(getattr(stats, name)) is not type(value.dist):
        raise ModelFileError(f"{where} is the distribution {name!r}, which is not among those that files keep")
    kept = {key: encoder.encode(part, where) for key, part in value.kwds.items()}
    return {"distribution": name, "values": [encoder.encode(part, where) for part in value.args], "keywords": kept}


def _decoded(node: Node, decoder: Decoder, where: str) -> Any:
    from scipy import stats

    name, named = node["distribution"], decoder.by_name(a_dict(node.get("keywords"), where), where)
    values = decoder.decoded(node.get("values"), where)
    if name not in _NAMES:
        raise ModelFileError(f"{where} names the distribution {str(name)[:50]!r}, which is not among those of files")
    for value in (*values, *named.values()):
        if not isinstance(value, Real) or not math.isfinite(value):
            raise ModelFileError(f"{where} has the parameter {str(value)[:50]}: expected a finite number")
    return getattr(stats, name)(*values, **named)


KINDS = (Kind("distribution", _is_frozen, _encoded, _decoded),)
