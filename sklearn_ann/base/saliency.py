"""Saliency: how much a prediction depends on each value of a sequence, a signal or an image."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor
from torch.nn import functional as F

from sklearn_ann.layers import places
from sklearn_ann.reading import GridBatch

Maps = np.ndarray | Any
"""One array if the samples have one size, else a list of arrays. Who calls knows which: a union would need a check."""


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


class SaliencyMixin:
    """What supervised estimators of sequences, signals and images share: `saliency`."""

    module_: Any
    reader_: Any
    n_outputs_: int
    resolved_parameters_: Any
    _apply: Any

    def saliency(
        self, X: Any, *, output: int | None = None, method: Literal["gradient", "mutagenesis"] = "gradient"
    ) -> Maps:
        r"""Return how much the prediction depends on each value of each sample.

        Parameters
        ----------
        X : samples as in ``fit``
            The samples.
        output : int or None
            Index of the output, such as a class; None for the greatest output of each sample.
        method : {"gradient", "mutagenesis"}
            ``"gradient"``: derivative of the output by the input (Simonyan et al. 2014). ``"mutagenesis"``, for
            sequences only: change of the output if a single letter is replaced (Alipanahi et al. 2015).

        Returns
        -------
        array of shape (n_samples, \*size, n_channels), or a list of arrays (\*size, n_channels)
            A list if the sizes of the samples differ. The channels of a sequence are its letters.

        Raises
        ------
        ValueError
            If there is no such output or method, or if the method is for sequences only and X are none.
        """
        check_is_fitted(self)
        if method not in ("gradient", "mutagenesis"):
            raise ValueError(f"method={method!r}: expected 'gradient' or 'mutagenesis'")
        kind = getattr(self.reader_, "kind", "row")
        if method == "mutagenesis" and kind != "sequence":
            raise ValueError(
                f"method='mutagenesis' is for sequences, but this {type(self).__name__} was fitted on {kind}s"
            )
        if output is not None and not (isinstance(output, int | np.integer) and 0 <= output < self.n_outputs_):
            raise ValueError(f"output={output!r}: expected None or an integer from 0 to {self.n_outputs_ - 1}")
        function = partial(gradient if method == "gradient" else mutagenesis, output)
        found: np.ndarray | list[np.ndarray] = self._apply(
            X, function, chunks=self._map_chunk, gradients=method == "gradient", in_full=True
        )
        if isinstance(found, list):
            return [np.moveaxis(values, 0, -1) for values in found]
        return np.moveaxis(found, 1, -1)

    @property
    def _map_chunk(self) -> int:
        """Number of samples whose feature maps or gradients fit in memory together."""
        check_is_fitted(self)
        return self.resolved_parameters_.batch_size or 256
