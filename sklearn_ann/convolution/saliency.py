"""Saliency: how much a prediction depends on each value of a sample."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from sklearn_ann.layers import places
from sklearn_ann.reading import GridBatch


def cut(values: Tensor, sizes: Tensor | None) -> Tensor | list[Tensor]:
    """Split a batch of maps, (batch, channels, *size), into single maps if the samples differ in size."""
    if sizes is None:
        return values
    return [
        one[(slice(None), *(slice(length) for length in size))]
        for one, size in zip(values, sizes.tolist(), strict=True)
    ]


def gradient(output: int | None, module: Any, batch: GridBatch) -> Tensor | list[Tensor]:
    """Return the derivative of an output by the input (Simonyan et al. 2014), (batch, channels, *size).

    Parameters
    ----------
    output : int or None
        Column of the output; None for the greatest output of each sample.
    module : nn.Module
    batch : GridBatch
    """
    x = batch.x.detach().requires_grad_()
    outputs = module(batch._replace(x=x))
    (slope,) = torch.autograd.grad(_chosen(outputs, _column(output, outputs)).sum(), x)
    return cut(slope, batch.sizes)


def mutagenesis(output: int | None, module: Any, batch: GridBatch) -> Tensor | list[Tensor]:
    """Return the change of an output for each single substitution (Alipanahi et al. 2015), (batch, letters, length)."""
    outputs = module(batch)
    column = _column(output, outputs)
    change = torch.zeros_like(batch.x)
    for letter in range(batch.x.shape[1]):
        one_hot = F.one_hot(torch.tensor(letter), batch.x.shape[1]).to(batch.x)
        for position in range(batch.x.shape[2]):
            mutant = batch.x.clone()
            mutant[:, :, position] = one_hot
            change[:, letter, position] = _chosen(module(batch._replace(x=mutant)) - outputs, column)
    inside = places(batch.sizes, batch.x)
    return cut(change if inside is None else change * inside[:, None], batch.sizes)


def _column(output: int | None, outputs: Tensor) -> Tensor:
    return outputs.argmax(dim=1) if output is None else outputs.new_full((len(outputs),), output).long()


def _chosen(outputs: Tensor, column: Tensor) -> Tensor:
    return outputs.gather(1, column[:, None])[:, 0]
