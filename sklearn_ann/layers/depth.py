"""The layers of a network by name and depth: which are frozen, and how fast each learns."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from numbers import Real
from typing import Any

from torch import Tensor, nn

from sklearn_ann.layers.foreign import Foreign
from sklearn_ann.layers.head import SupervisedNetwork

Part = nn.Module | nn.Parameter
FROZEN = "sklearn_ann_frozen"
"""The attribute that marks frozen parts; a shorter name may be one that a module of others has."""
_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict, nn.ParameterList)


def layers_of(body: nn.Module) -> dict[str, list[Part]]:
    """Return the layers of a body by name, in order from the input.

    A body whose layers are not its parts in their order tells them itself, by a method ``depths``. Of others, a layer
    is a parameter of the body or a part that has parameters; a container, such as a list, is as many layers as it has
    parts. A part without parameters, such as a normalisation without weights, belongs to the layer after it.
    """
    if hasattr(body, "depths"):
        depths: Any = body.depths
        told: dict[str, list[Part]] = depths()
        return told
    layers: dict[str, list[Part]] = {name: [weight] for name, weight in body.named_parameters(recurse=False)}
    waiting: list[Part] = []
    for name, child in body.named_children():
        if not any(True for _ in child.parameters()):
            if any(True for _ in child.buffers()):
                waiting.append(child)
            continue
        divided = isinstance(child, _CONTAINERS) or hasattr(child, "depths")
        parts: dict[str, list[Part]] = layers_of(child) if divided else {"": [child]}
        for inner, own in parts.items():
            layers[f"{name}.{inner}".rstrip(".")] = waiting + own
            waiting = []
    if waiting and layers:
        layers[next(reversed(layers))] += waiting
    return layers


def _weights(part: Part) -> Iterator[nn.Parameter]:
    return iter((part,)) if isinstance(part, nn.Parameter) else part.parameters()


def chosen_layers(body: nn.Module, freeze: str | int | Sequence[str]) -> tuple[str, ...]:
    """Return the names of the layers that `freeze` means, in order from the input.

    Parameters
    ----------
    body : nn.Module
    freeze : "none", "body", int, or sequence of str
        Nothing, all layers, this many from the input, or those of these names. ``"blocks"`` means ``"blocks.0"``,
        ``"blocks.1"`` and so on.

    Raises
    ------
    ValueError
        If there are no such layers, naming those that there are.
    """
    names = list(layers_of(body))
    if isinstance(freeze, str):
        return tuple(names) if freeze == "body" else ()
    known = f"the body has {len(names)} layers, from the input on: {', '.join(names)}"
    if isinstance(freeze, bool):
        raise ValueError(f"freeze={freeze}: expected 'none', 'body', a number of layers or their names; {known}")
    if isinstance(freeze, Sequence):
        for wanted in freeze:
            if not isinstance(wanted, str) or not any(_means(wanted, name) for name in names):
                raise ValueError(f"freeze has the name {wanted!r}, but {known}")
        return tuple(name for name in names if any(_means(wanted, name) for wanted in freeze))
    if freeze > len(names):
        raise ValueError(f"freeze={freeze}, but {known}")
    return tuple(names[:freeze])


def _means(wanted: str, name: str) -> bool:
    return name == wanted or name.startswith(wanted + ".")


def freeze_layers(body: nn.Module, names: Sequence[str], *, whole: bool = False) -> None:
    """Freeze the layers called `names`, and let all others learn.

    Frozen weights require no gradient, and frozen parts are marked, so that they stay in evaluation mode in training:
    a normalisation keeps its statistics, dropout does not act. With `whole`, this holds for all of the body.
    """
    for part in body.modules():
        part.__dict__.pop(FROZEN, None)
    body.requires_grad_(not whole)
    if whole:
        setattr(body, FROZEN, True)
        return
    layers = layers_of(body)
    for name in names:
        for layer in layers[name]:
            layer.requires_grad_(False)
            if isinstance(layer, nn.Module):
                setattr(layer, FROZEN, True)


def learning_rates(
    module: SupervisedNetwork, of_body: float, of_layers: float | Mapping[str, float] | None
) -> dict[str, float]:
    """Return the multiples of the learning rate that are not one, by the names of the module's parameters.

    Parameters
    ----------
    module : SupervisedNetwork
    of_body : float
        Multiple for all of the body.
    of_layers : float, dict or None
        A number to the power of the number of layers up to the head, or numbers by the names of layers: of several
        names that mean a layer, the longest counts. They multiply `of_body`.

    Raises
    ------
    ValueError
        If a name is no layer, naming those that there are, or if a rate is zero or infinite.
    """
    names = {id(weight): name for name, weight in module.named_parameters()}
    rates: dict[str, float] = {}

    def learn_at(rate: float, weights: Iterator[nn.Parameter]) -> None:
        rates.update({names[id(weight)]: rate for weight in weights})

    for network in module.parts:
        layers = layers_of(network.body)
        by_name = of_layers if isinstance(of_layers, Mapping) else {}
        _check_names(by_name, [*layers, "head"])
        learn_at(of_body, network.body.parameters())
        for place, (name, parts) in enumerate(layers.items()):
            meant = [wanted for wanted in by_name if _means(wanted, name)]
            rate = of_body * (by_name[max(meant, key=len)] if meant else 1.0)
            if of_layers is not None and not isinstance(of_layers, Mapping):
                rate *= _power(float(of_layers), len(layers) - place)
            if not 0 < rate < math.inf:
                raise ValueError(
                    f"body_learning_rate={of_body} and layer_learning_rates={of_layers} let the layer {name!r} learn "
                    f"at {rate} times the learning rate: expected a number above zero"
                )
            for part in parts:
                learn_at(rate, _weights(part))
        learn_at(by_name.get("head", 1.0), network.head.parameters())
    return {name: rate for name, rate in rates.items() if rate != 1.0}


def _power(base: float, exponent: int) -> float:
    try:
        return base**exponent
    except OverflowError:
        return math.inf


def _check_names(by_name: Mapping[Any, Any], known: Sequence[str]) -> None:
    for wanted, rate in by_name.items():
        if not isinstance(wanted, str) or not any(_means(wanted, name) for name in known):
            raise ValueError(
                f"layer_learning_rates has the name {wanted!r}, but the layers are, from the input on: "
                f"{', '.join(known)}"
            )
        if isinstance(rate, bool) or not isinstance(rate, Real) or not 0 < float(rate) < math.inf:
            raise ValueError(f"layer_learning_rates[{wanted!r}]={rate!r}: expected a number above zero")


class BorrowedBody(Foreign):
    """A network of another kind as the body of a supervised one: it maps a tensor to features.

    Parameters
    ----------
    module : nn.Module
        Maps a tensor of shape (batch, ...) to features of shape (batch, n_features).
    owner : str
        What messages call it.
    """

    def __init__(self, module: nn.Module, owner: str) -> None:
        super().__init__()
        self.module, self.owner = module, owner

    def forward(self, batch: Any) -> Tensor:
        """Return features of shape (batch, n_features)."""
        if getattr(batch, "sizes", None) is not None:
            raise ValueError(f"init_from={self.owner} reads samples of one size, but the samples of X differ in size")
        with self.own_numbers():
            features: Tensor = self.module(getattr(batch, "x", batch))
        return features

    def depths(self) -> dict[str, list[Part]]:
        """Return the layers of the module."""
        return layers_of(self.module)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError as error:
            if name.startswith("_") or "owner" not in self.__dict__:
                raise
            raise AttributeError(f"the body of this network is that of {self.owner}, which has no {name!r}") from error
