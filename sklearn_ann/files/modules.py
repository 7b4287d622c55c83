"""Networks: a module is its class, its attributes, its parameters, its buffers, all of them, and its parts."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from sklearn_ann.files.errors import ModelFileError
from sklearn_ann.files.graph import Decoder, Encoder, Kind, Node
from sklearn_ann.files.tensors import is_finite

Shapes = dict[str, tuple[int, ...]]

_OWN = frozenset(vars(nn.Module()))
_HOOKS = tuple(sorted(name for name in _OWN if name.endswith(("_hooks", "_with_kwargs", "_always_called"))))
_KEPT_ELSEWHERE = _OWN - {"training"}
_OF_RECURRENT = frozenset({"_flat_weights", "_flat_weight_refs", "_flat_weights_names", "_all_weights"})


def _encoded(module: nn.Module, encoder: Encoder, where: str) -> Node:
    state = module.__getstate__() if "__getstate__" in _of_class(module) else vars(module)
    hooked = [name for name in _HOOKS if vars(module).get(name)]
    if hooked:
        raise ModelFileError(f"{where} has hooks, which files do not keep; remove them first")
    left_out = _KEPT_ELSEWHERE | (_OF_RECURRENT if isinstance(module, nn.RNNBase) else frozenset())
    node: Node = {"module": encoder.names.of(type(module), where)}
    named: dict[str, dict[str, Any]] = {
        "parameters": module._parameters,
        "buffers": module._buffers,
        "modules": module._modules,
        "attributes": {name: value for name, value in state.items() if name not in left_out},
    }
    for part, values in named.items():
        if values:
            node[part] = {name: encoder.encode(value, f"{where}.{name}") for name, value in values.items()}
    if module._non_persistent_buffers_set:
        node["not_persistent"] = sorted(module._non_persistent_buffers_set)
    return node


def _of_class(module: nn.Module) -> set[str]:
    """Return the names that classes below torch's define."""
    return {name for cls in type(module).__mro__ if cls not in nn.Module.__mro__ for name in vars(cls)}


def _decoded(node: Node, decoder: Decoder, where: str) -> nn.Module:
    cls = decoder.names.find(node["module"], where, "module")
    if not isinstance(cls, type) or not issubclass(cls, nn.Module):
        raise ModelFileError(f"{where}: {node['module']} is no module")
    module: nn.Module = object.__new__(cls)
    nn.Module.__init__(module)
    for part, kind in (("parameters", nn.Parameter), ("buffers", Tensor), ("modules", nn.Module)):
        values = decoder.by_name(node.get(part, {}), where)
        for name, value in values.items():
            if not (value is None or isinstance(value, kind)) or "." in name or not name:
                raise ModelFileError(f"{where}.{name} must be a {kind.__name__}, and its name without a full stop")
        vars(module)[f"_{part}"].update(values)
    attributes = decoder.by_name(node.get("attributes", {}), where)
    check_attributes(cls, attributes, where)
    if set(attributes) & _KEPT_ELSEWHERE or not isinstance(attributes.get("training"), bool):
        raise ModelFileError(f"{where} has attributes that no module of torch has")
    vars(module).update(attributes)
    hidden = node.get("not_persistent", [])
    if not isinstance(hidden, list) or not set(hidden) <= set(module._buffers):
        raise ModelFileError(f"{where} names buffers that it does not have")
    module._non_persistent_buffers_set = set(hidden)
    for name, buffer in module._buffers.items():
        # Data that belongs to the network's owner may say "missing" by NaN; running statistics may not.
        if buffer is not None and name not in hidden and not is_finite(buffer):
            raise ModelFileError(f"{where}.{name} is NaN or infinite")
    _check_shapes(module, where)
    if isinstance(module, nn.RNNBase):
        names = [name for layer in _names_of_layers(module) for name in layer]
        module._all_weights = _names_of_layers(module)
        module._flat_weights_names = names
        module._init_flat_weights()
    return module


def check_attributes(cls: type, attributes: dict[str, Any], where: str) -> None:
    """Refuse attributes that stand before a method of the class, or that Python itself uses."""
    for name in attributes:
        if name.startswith("__") or not name.isidentifier():
            raise ModelFileError(f"{where} has the attribute {name[:100]!r}")
        of_class = getattr(cls, name, None)
        if callable(of_class) and not isinstance(of_class, type) and name not in getattr(cls, "__annotations__", {}):
            raise ModelFileError(f"{where} has the attribute {name!r}, which is a method of {cls.__name__}")


# --- Shapes that a module declares ---------------------------------------------------------------------------------


def declared_shapes(module: nn.Module) -> Shapes:
    """Return the shapes that the attributes of a module ask for, by the name of the parameter or buffer."""
    if isinstance(module, nn.Linear):
        return {"weight": (module.out_features, module.in_features), "bias": (module.out_features,)}
    if isinstance(module, nn.Embedding):
        return {"weight": (module.num_embeddings, module.embedding_dim)}
    if isinstance(module, _ConvNd):
        ends = (module.out_channels, module.in_channels // module.groups)
        if isinstance(module, _ConvTransposeNd):
            ends = (module.in_channels, module.out_channels // module.groups)
        return {"weight": (*ends, *module.kernel_size), "bias": (module.out_channels,)}
    if isinstance(module, nn.LayerNorm):
        return dict.fromkeys(("weight", "bias"), tuple(module.normalized_shape))
    if isinstance(module, _BatchNorm):
        names = ("weight", "bias", "running_mean", "running_var")
        return {**dict.fromkeys(names, (module.num_features,)), "num_batches_tracked": ()}
    return _of_recurrent(module) if isinstance(module, nn.RNNBase) else {}


_GATES = {nn.LSTM: 4, nn.GRU: 3, nn.RNN: 1}


def _names_of_layers(module: nn.RNNBase) -> list[list[str]]:
    ends = ["", "_reverse"] if module.bidirectional else [""]
    kinds = ["weight_ih", "weight_hh"] + (["bias_ih", "bias_hh"] if module.bias else [])
    if not (type(module.num_layers) is int and 0 < module.num_layers < 1000) or module.proj_size:
        raise ModelFileError("a recurrent network must have from 1 to 999 layers and no projection")
    return [[f"{kind}_l{layer}{end}" for kind in kinds] for layer in range(module.num_layers) for end in ends]


def _of_recurrent(module: nn.RNNBase) -> Shapes:
    n_gates = next(n for cls, n in _GATES.items() if isinstance(module, cls))
    width, shapes = n_gates * module.hidden_size, {}
    for names in _names_of_layers(module):
        n_inputs = module.input_size if "_l0" in names[0] else module.hidden_size * (2 if module.bidirectional else 1)
        for name, shape in zip(
            names, ((width, n_inputs), (width, module.hidden_size), (width,), (width,)), strict=False
        ):
            shapes[name] = shape
    if set(shapes) != set(module._parameters):
        raise ModelFileError(f"a recurrent network must have the weights {sorted(shapes)}")
    return shapes


def _check_shapes(module: nn.Module, where: str) -> None:
    for name, shape in declared_shapes(module).items():
        tensor: Tensor | None = module._parameters.get(name)
        tensor = module._buffers.get(name) if tensor is None else tensor
        if tensor is not None and tuple(tensor.shape) != shape:
            raise ModelFileError(
                f"{where}.{name} has the shape {tuple(tensor.shape)}, but a {type(module).__name__} of these sizes "
                f"has {shape}"
            )
        if tensor is None and name == "weight" and isinstance(module, nn.Linear | nn.Embedding | _ConvNd):
            raise ModelFileError(f"{where} has no {name}")


def n_weights(module: nn.Module) -> int:
    """Return the number of learned numbers."""
    return sum(math.prod(parameter.shape) for parameter in module.parameters())


def check_type(module: nn.Module, dtype: torch.dtype, where: str) -> None:
    """Refuse weights of another type than the fit had."""
    for name, parameter in module.named_parameters():
        if parameter.is_floating_point() and parameter.dtype != dtype:
            raise ModelFileError(f"{where}.{name} is of {parameter.dtype}, but the fit was in {dtype}")


KINDS = (Kind("module", lambda value: isinstance(value, nn.Module), _encoded, _decoded),)
