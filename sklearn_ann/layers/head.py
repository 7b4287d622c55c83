"""The last layer of a supervised network, of one network or of several side by side."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sklearn_ann.layers.steady import Linear, filled

Average = Callable[[Tensor], Tensor]
"""Joins the outputs of several networks: (n_members, batch, n_outputs) to (batch, n_outputs)."""


class MemberLinear(nn.Module):
    """Linear maps side by side, one for each member of an ensemble.

    Parameters
    ----------
    n_members, in_features, out_features : int
    """

    stacked_numbers: ClassVar[tuple[str, ...]] = ()

    def __init__(self, n_members: int, in_features: int, out_features: int) -> None:
        super().__init__()
        self.in_features = in_features
        bound = 1 / math.sqrt(in_features)
        self.weight = nn.Parameter(torch.empty(n_members, in_features, out_features).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(n_members, 1, out_features).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        """Map (n_members, batch, in_features) to (n_members, batch, out_features)."""
        if self.training:
            return torch.baddbmm(self.bias, x, self.weight)
        return torch.baddbmm(self.bias, filled(x), self.weight)[:, : x.shape[1]]


class SupervisedNetwork(nn.Module, ABC):
    """A network that predicts, or several whose predictions are averaged.

    In training the outputs of several have a leading axis of members, so that each has a loss of its own; in evaluation
    the outputs are averaged.

    Attributes
    ----------
    average : callable or None
        How the outputs of members are averaged; None for a single network.
    n_features : int
        Number of features that `features` returns.
    steady : bool
        Whether the number of samples in a batch changes no digit of the outputs in evaluation.
    """

    average: Average | None
    n_features: int
    steady: bool = False

    def forward(self, batch: Any) -> Tensor:
        """Map a batch to outputs, of shape (batch, n_outputs), or (n_members, batch, n_outputs) in training."""
        return self._averaged(self.members(batch))

    def concluded(self, states: Tensor) -> Tensor:
        """Map what `states` returned to outputs, as `forward` returns them."""
        return self._averaged(self.members_of(states))

    def _averaged(self, outputs: Tensor) -> Tensor:
        return outputs if self.training or self.average is None else self.average(outputs)

    @property
    @abstractmethod
    def parts(self) -> list[WithHead]:
        """The networks, each with one body and one head."""

    @abstractmethod
    def states(self, batch: Any) -> Tensor:
        """Map a batch to all that the heads read, of shape (batch, ..., n_features)."""

    @abstractmethod
    def members_of(self, states: Tensor) -> Tensor:
        """Map what `states` returned to outputs that are not averaged."""

    @abstractmethod
    def members(self, batch: Any) -> Tensor:
        """Map a batch to outputs that are not averaged."""

    @abstractmethod
    def features(self, batch: Any) -> Tensor:
        """Map a batch to features of shape (batch, n_features)."""


class WithHead(SupervisedNetwork):
    """A body that maps a batch to features, followed by a linear head that maps the features to outputs.

    Parameters
    ----------
    body : nn.Module
        Maps a batch to features of shape (batch, n_features), or (n_members, batch, n_features).
    n_features, n_outputs : int
    n_members : int, default=1
    average : callable or None, default=None
        With it, body and head are several networks side by side.
    """

    stacked_numbers: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self, body: nn.Module, n_features: int, n_outputs: int, n_members: int = 1, average: Average | None = None
    ) -> None:
        super().__init__()
        self.body, self.n_features, self.average = body, n_features, average
        self.steady = getattr(body, "steady", False)
        single = average is None
        self.head = Linear(n_features, n_outputs) if single else MemberLinear(n_members, n_features, n_outputs)

    def members(self, batch: Any) -> Tensor:
        """Map a batch to outputs that are not averaged."""
        outputs: Tensor = self.head(self.body(batch))
        return outputs

    @property
    def parts(self) -> list[WithHead]:
        """The network itself."""
        return [self]

    def states(self, batch: Any) -> Tensor:
        """Map a batch to features of shape (batch, n_features), or (batch, n_members, n_features)."""
        features: Tensor = self.body(batch)
        return features.movedim(0, 1) if features.ndim == 3 else features

    def members_of(self, states: Tensor) -> Tensor:
        """Map what `states` returned to outputs that are not averaged."""
        outputs: Tensor = self.head(states.movedim(1, 0) if states.ndim == 3 else states)
        return outputs

    def features(self, batch: Any) -> Tensor:
        """Map a batch to features of shape (batch, n_features), the mean over the members."""
        features: Tensor = self.body(batch)
        return features if self.average is None else mean_number(features)


class Ensemble(SupervisedNetwork):
    """Networks of one shape that are trained together and whose predictions are averaged.

    Parameters
    ----------
    networks : sequence of WithHead
    average : callable
    """

    def __init__(self, networks: Sequence[WithHead], average: Average) -> None:
        super().__init__()
        self.networks: Any = nn.ModuleList(networks)
        self.average = average
        self.steady = all(network.steady for network in networks)
        self.n_features = sum(network.n_features for network in networks)

    @property
    def body(self) -> nn.Module:
        """The body of the first network, whose maps, motifs and names stand for all."""
        body: nn.Module = self.networks[0].body
        return body

    @property
    def parts(self) -> list[WithHead]:
        """The networks."""
        return list(self.networks)

    def members(self, batch: Any) -> Tensor:
        """Map a batch to the outputs of all members of all networks."""
        return self._joined([network.members(batch) for network in self.networks])

    def states(self, batch: Any) -> Tensor:
        """Map a batch to all that the heads read, of shape (batch, n_networks, ..., n_features)."""
        return torch.stack([network.states(batch) for network in self.networks], dim=1)

    def members_of(self, states: Tensor) -> Tensor:
        """Map what `states` returned to the outputs of all members of all networks."""
        each = zip(self.networks, states.unbind(1), strict=True)
        return self._joined([network.members_of(own) for network, own in each])

    @staticmethod
    def _joined(outputs: Sequence[Tensor]) -> Tensor:
        return torch.cat([output if output.ndim == 3 else output[None] for output in outputs])

    def features(self, batch: Any) -> Tensor:
        """Map a batch to the features of all networks, side by side."""
        return torch.cat([network.features(batch) for network in self.networks], dim=1)


def mean_number(outputs: Tensor) -> Tensor:
    """Average outputs."""
    return _rounded(_precise(outputs).mean(dim=0), outputs)


def _precise(outputs: Tensor) -> Tensor:
    """Return outputs in double precision, where there is one: the last digit must not depend on a sample's place."""
    return outputs if outputs.device.type == "mps" else outputs.double()


def _rounded(means: Tensor, outputs: Tensor) -> Tensor:
    return means.to(torch.promote_types(outputs.dtype, torch.float32))


def mean_rate(outputs: Tensor) -> Tensor:
    """Average outputs that are logarithms of means, and return the logarithm."""
    return _rounded(_precise(outputs).logsumexp(dim=0) - math.log(len(outputs)), outputs)


def mean_odds(outputs: Tensor) -> Tensor:
    """Average the probabilities of outputs that are log-odds, and return the log-odds."""
    z = _precise(outputs)
    return _rounded(F.logsigmoid(z).logsumexp(dim=0) - F.logsigmoid(-z).logsumexp(dim=0), outputs)


def mean_classes(outputs: Tensor) -> Tensor:
    """Average the probabilities of outputs that are logits of classes, and return the logarithms."""
    logs = _precise(outputs).log_softmax(dim=-1).logsumexp(dim=0)
    return _rounded(logs - math.log(len(outputs)), outputs)
