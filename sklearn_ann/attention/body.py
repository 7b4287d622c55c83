"""The interface that attention to tokens, to columns and to rows share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self

from torch import Tensor, nn

from sklearn_ann import training
from sklearn_ann.base import Plan
from sklearn_ann.layers import Dropout, Mutation

RATE = 3e-3
"""The learning rate that ``"auto"`` stands for, if there are enough samples."""


class AttentionBody(nn.Module, ABC):
    """A network with attention; it maps a batch to features of shape (batch, n_components)."""

    @staticmethod
    @abstractmethod
    def defaults(plan: Plan) -> dict[str, Any]:
        """Return the values that ``"auto"`` stands for, by hyper-parameter."""

    @classmethod
    @abstractmethod
    def build(cls, plan: Plan) -> Self:
        """Build the network for a plan whose samples have been read.

        Register buffers that hold samples with ``persistent=False``, because training copies all others every epoch.
        """

    @abstractmethod
    def attention(self, batch: Any) -> list[Tensor]:
        """Return the attention weights of each layer, shape (batch, head, query, key); rows sum to one.

        All samples of the batch have the same number of keys.
        """

    def set_noise(self, dropout: float, mutation: float) -> None:
        """Set what training alone uses: `dropout` and, in tokens, `mutation`."""
        for layer in self.modules():
            if isinstance(layer, Dropout):
                layer.p = dropout
            elif isinstance(layer, Mutation):
                layer.share = mutation

    @abstractmethod
    def key_names(self, reader: Any, samples: training.Samples) -> list[list[str]]:
        """Return the names of the keys in the attention maps of each sample."""
