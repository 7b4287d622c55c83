"""A step for heads on a frozen body: the body runs once for each sample, and the epochs train the heads alone."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor

from sklearn_ann.training.data import Batch, Examples, Rows
from sklearn_ann.training.prediction import apply
from sklearn_ann.training.step import Step, batch_device

_CHUNK = 1024  # samples at a time, where a batch is all of them


class HeadStep(Step):
    """A step down the mean loss of heads; what they read is computed before the first epoch.

    The module is a `SupervisedNetwork` whose bodies are frozen, so that their features never change.
    """

    module: Any

    def prepared(self, examples: Examples[Any]) -> Examples[Any]:
        """Return the examples with features in the place of samples."""
        samples, size = examples.samples, self.settings.batch_size
        states = apply(
            self.module,
            samples,
            lambda module, batch: module.states(batch),
            device=batch_device(self.module),
            precision=self.settings.precision,
            # Without gradients, a batch takes less memory than in training.
            chunks=len(samples) if samples.together else min(max(8 * (size or 0), _CHUNK), len(samples)),
        )
        return dataclasses.replace(examples, samples=Rows(torch.from_numpy(states))).to(batch_device(self.module))

    def output(self, batch: Batch) -> Any:
        """Run the heads."""
        return self.module.concluded(batch.samples)

    def member_states(self) -> list[list[Tensor]]:
        """Return the weights of the heads: nothing else changes."""
        return [[weight for network in self.module.parts for weight in network.head.state_dict().values()]]
