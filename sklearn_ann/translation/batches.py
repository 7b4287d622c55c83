"""How sources and targets come to the network: in training, in predictions, and in pairs."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from sklearn_ann import training
from sklearn_ann.reading.tokens import TokenBatch, TokenSamples
from sklearn_ann.translation.targets import sequence_error

_MOST_TOKENS = 2**13  # of the sources or hypotheses of a batch in predictions
_MOST_ROWS = 512


class TeacherForcing(training.Step):
    """Show the network the true target up to each token; labels are smoothed in training alone.

    Parameters
    ----------
    module, error, settings
        As in `Step`; the error takes ``label_smoothing`` first.
    label_smoothing : float
    """

    def __init__(
        self, module: nn.Module, error: training.Error, settings: training.Settings, label_smoothing: float
    ) -> None:
        super().__init__(module, error, settings)
        self.label_smoothing = label_smoothing

    def output(self, batch: training.Batch) -> Any:
        """Return the logits of the target's tokens."""
        return self.module(batch.samples, batch.target)

    def switch(self, training: bool) -> None:
        """Choose the loss too."""
        super().switch(training)
        self.error = partial(sequence_error, self.label_smoothing if training else 0.0)


class PaddedSamples(training.Samples):
    """Samples for predictions: a sample has the padding that its own length asks for, whatever its batch holds.

    Sums over more padding are rounded differently: with this, a prediction has the same bits in any batch.
    """

    def __init__(self, samples: TokenSamples) -> None:
        self.samples = samples
        self.device = samples.device
        self.multiple = samples.multiple
        lengths = samples.lengths
        unit = torch.full_like(lengths, 4)
        while bool((unit * 8 < lengths).any()):  # at most a quarter of a long sample is padding
            unit = torch.where(unit * 8 < lengths, unit * 2, unit)
        self.widths = (lengths + unit - 1) // unit * unit

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: Tensor) -> TokenBatch:
        width = int(self.widths.index_select(0, index).max())
        return self.samples.filled(index, width, self.samples.lengths.index_select(0, index))

    def chunks(self, n_beams: int) -> list[Tensor]:
        """Return batches of one width."""
        found: list[Tensor] = []
        for width in self.widths.unique():
            size = min(_MOST_ROWS, max(1, _MOST_TOKENS // (int(width) * n_beams)))
            found += (self.widths == width).nonzero()[:, 0].split(max(size, self.multiple))
        return found


class PairedSamples(training.Samples):
    """Sources beside their targets."""

    def __init__(self, samples: TokenSamples, targets: TokenSamples) -> None:
        self.samples, self.targets = samples, targets
        self.device, self.extents = samples.device, samples.extents

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: Tensor) -> tuple[TokenBatch, TokenBatch]:
        return self.samples[index], self.targets[index]
