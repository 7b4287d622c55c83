"""A foreign network as a body: the outputs of some of its layers, pooled to one row of features for each sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from sklearn_ann.layers import Foreign, layers_of
from sklearn_ann.layers.depth import Part
from sklearn_ann.reading import ShapeGroups

FeaturePooling = Literal["mean", "max", "first", "flatten"]

_NAMED = ("last_hidden_state", "logits", "output", "out")  # of outputs that are dictionaries, the first that is there


class PretrainedBody(Foreign):
    """Runs a network, keeps the outputs of layers and pools them.

    Parameters
    ----------
    module : nn.Module
    layers : list of str
        Names of submodules; ``""`` is the network itself.
    pooling : {"mean", "max", "first", "flatten"}
    special_tokens : (int, int)
        Numbers of positions, at the start and at the end of a sample, that are left out of the pooling.
    batch_axes : dict of int
        The axis of the batch in the output of each layer.
    """

    def __init__(
        self, module: nn.Module, layers: Sequence[str], pooling: FeaturePooling, special_tokens: tuple[int, int]
    ) -> None:
        super().__init__()
        self.module, self.layers, self.pooling, self.special_tokens = module, list(layers), pooling, special_tokens
        self.batch_axes = dict.fromkeys(layers, 0)

    def forward(self, batch: ShapeGroups) -> Tensor:
        """Return features of shape (batch, n_features)."""
        found = [
            torch.cat([self._pooled(output, self.batch_axes[name]) for name, output in self.outputs(x).items()], dim=1)
            for x in batch.groups
        ]
        if len(found) == 1:
            return found[0]
        widths = {features.shape[1] for features in found}
        if len(widths) > 1:
            raise ValueError(
                f"samples of different shapes have {' and '.join(map(str, sorted(widths)))} features: "
                f"pooling={self.pooling!r} is for samples of one shape, 'mean' or 'max' for others"
            )
        place = torch.cat(batch.places).argsort()
        return torch.cat(found).index_select(0, place)

    def depths(self) -> dict[str, list[Part]]:
        """Return the layers of the network by their names in it."""
        return layers_of(self.module)

    def outputs(self, x: Tensor) -> dict[str, Tensor]:
        """Run the network on samples of one shape; return the output of each layer.

        Raises
        ------
        ValueError
            If the network fails on these samples.
        """
        kept: dict[str, Tensor] = {}
        types = (weight.dtype for weight in self.parameters() if weight.is_floating_point())
        dtype = next(types, x.dtype if x.is_floating_point() else torch.float32)

        def keep(name: str) -> Any:
            def hook(_: nn.Module, __: Any, output: Any) -> None:
                # A copy, unless nothing comes after it: the next layer may work in place.
                kept[name] = tensor_in(output, name).to(dtype, copy=bool(name))

            return hook

        handles = [self.module.get_submodule(name).register_forward_hook(keep(name)) for name in self.layers]
        try:
            with self.own_numbers():
                self.module(x)
        except TypeError:  # about the arguments or the results of the module, and clear by itself
            raise
        except Exception as error:  # of torch, about shapes, types or codes, or of the module
            codes = x.dtype == torch.int64 and isinstance(error, RuntimeError)
            hint = ", whole numbers, which are read as codes: give others as floats" if codes else ""
            raise ValueError(
                f"module fails on samples of shape {tuple(x.shape[1:])} and {x.dtype}{hint}: {error}"
            ) from error
        finally:
            for handle in handles:
                handle.remove()
        if silent := [name for name in self.layers if name not in kept]:
            raise ValueError(f"layer {silent[0]!r} is not used in the forward pass of module")
        return {name: kept[name] for name in self.layers}

    def _pooled(self, output: Tensor, batch_axis: int) -> Tensor:
        """Pool an output to shape (batch, n_features): channels are axis 1 of maps and the last axis of sequences."""
        x = output.movedim(batch_axis, 0)
        if x.ndim <= 2:
            return x.reshape(len(x), -1)
        x = x.flatten(2).transpose(1, 2) if x.ndim > 3 else x  # (batch, positions, channels)
        first, last = self.special_tokens
        if first + last:
            x = x[:, first : x.shape[1] - last]
            if x.shape[1] == 0:
                raise ValueError(f"special_tokens={self.special_tokens} leaves no position of a sample")
        if self.pooling == "mean":
            return x.mean(dim=1)
        if self.pooling == "max":
            return x.amax(dim=1)
        return x[:, 0] if self.pooling == "first" else x.flatten(1)


def tensor_in(output: Any, name: str) -> Tensor:
    """Return the tensor in an output, which may be a tuple, whose first entry counts, or a dictionary.

    Raises
    ------
    TypeError
        If there is no tensor in it, or one of complex numbers.
    """
    found = output
    if isinstance(found, Mapping):
        found = next((found[key] for key in _NAMED if key in found), next(iter(found.values()), None))
    elif isinstance(found, tuple | list):
        found = found[0] if found else None
    place = f"layer {name!r}" if name else "module"
    if isinstance(found, Tensor) and found.is_complex():
        raise TypeError(f"{place} returns complex numbers, which cannot be features")
    if not isinstance(found, Tensor):
        raise TypeError(f"{place} returns a {type(output).__name__} that contains no tensor: expected features")
    return found
