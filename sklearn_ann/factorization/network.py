"""A network for the entries of a tensor: an embedding of each mode, dense layers and products of factors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sklearn_ann.layers import Activation, Stochastic, dense_stack, linear_layers
from sklearn_ann.layers.steady import Linear
from sklearn_ann.reading import LevelBatch

SPARSE_FROM = 2_000
"""Number of levels from which on a gradient holds the rows of a batch only."""


class LevelEmbedding(nn.Module):
    """Vectors of the levels of a mode, and of an unknown level: the mean of the levels that were trained.

    Parameters
    ----------
    n_levels : int
    spreads : list of (int, float)
        Parts of a vector: width, and standard deviation at first.

    Attributes
    ----------
    weight : Parameter of shape (n_levels + 1, width)
    seen : bool Tensor of shape (n_levels + 1,)
        Which rows were trained.
    sparse : bool
        Whether gradients are sparse, so that a step costs the batch and not the matrix.
    """

    seen: Tensor

    def __init__(self, n_levels: int, spreads: list[tuple[int, float]]) -> None:
        super().__init__()
        self.sparse = n_levels >= SPARSE_FROM
        parts = [torch.randn(n_levels + 1, width) * spread for width, spread in spreads]
        self.weight = nn.Parameter(torch.cat(parts, dim=1))
        with torch.no_grad():
            self.weight[-1] = 0
        self.register_buffer("seen", torch.zeros(n_levels + 1, dtype=torch.bool))

    def forward(self, codes: Tensor) -> Tensor:
        """Return the vectors of codes, shape (batch, width)."""
        if not self.training:
            return self.weight.index_select(0, codes)
        self.seen.index_fill_(0, codes, True)
        return F.embedding(codes, self.weight, sparse=self.sparse)

    @torch.no_grad()
    def conclude(self) -> None:
        """Give levels that were not trained, held-out and unknown ones, the mean vector of the others."""
        known = self.seen[:-1]
        mean = self.weight[:-1][known].mean(dim=0)
        self.weight[:-1][~known] = mean
        self.weight[-1] = mean

    def levels(self) -> Tensor:
        """Return the vectors of all known levels, shape (n_levels, width)."""
        return self.weight[:-1]


class FeaturedEmbedding(LevelEmbedding, Stochastic):
    r"""Vectors of levels that have features: a linear map of the features x, plus what was learned of the level alone.

    .. math:: v_i = V x_i + e_i

    In training, :math:`e_i` is left out of a part of the entries, so that the map serves levels that only have
    features. Levels that were not trained have :math:`e_i = 0`. An unknown level, without features, has the mean of the
    vectors that were trained.

    Parameters
    ----------
    n_levels : int
    spreads : list of (int, float)
        Parts of a vector: width, and standard deviation at first.
    features : Tensor of shape (n_codes, n_features)
        Those of the known levels, of the unknown one, and of levels that only have features.
    p : float in [0, 1)
        Probability to leave out what was learned of a level alone.
    """

    features: Tensor

    def __init__(self, n_levels: int, spreads: list[tuple[int, float]], features: Tensor, p: float) -> None:
        super().__init__(n_levels, spreads)
        self.n_levels, self.p = n_levels, p
        self.register_buffer("features", features)
        n_features = features.shape[1]
        parts = [torch.randn(width, n_features) * (spread / math.sqrt(n_features)) for width, spread in spreads]
        self.map = Linear(n_features, sum(width for width, _ in spreads), bias=False)
        with torch.no_grad():
            self.weight.zero_()  # what features explain is not learned level by level
            self.map.weight.copy_(torch.cat(parts))

    def forward(self, codes: Tensor) -> Tensor:
        """Return the vectors of codes, shape (batch, width)."""
        own = super().forward(codes.clamp(max=self.n_levels))
        alone = codes > self.n_levels
        if self.training and self.p:
            drawn = torch.empty(len(codes), device=codes.device).uniform_(generator=self.generator)
            alone = alone | (drawn < self.p)
        of_features: Tensor = self.map(self.features.index_select(0, codes))
        return own.masked_fill(alone[:, None], 0.0) + of_features

    @torch.no_grad()
    def conclude(self) -> None:
        """Leave levels that were not trained to their features; an unknown level gets the mean vector."""
        known = self.seen[:-1]
        self.weight[:-1][~known] = 0
        self.weight[-1] = self.levels()[known].mean(dim=0)

    def levels(self) -> Tensor:
        """Return the vectors of all known levels, shape (n_levels, width)."""
        of_features: Tensor = self.map(self.features[: self.n_levels])
        return self.weight[:-1] + of_features


class HeldOutFibres(Stochastic):
    r"""Leave out of the means of an entry in training what they would lack if its fibre were held out.

    A mean over c entries that lacks the d entries of another mean, each shrunk by one entry of zero as in
    `sklearn_ann.reading.marginals.Marginals`, is

    .. math:: m' = \frac{(1 + c) \, m - (1 + d) \, m_d}{1 + c - d}.

    Parameters
    ----------
    lacking : int64 array of shape (n_cases, n_means)
        For each mean the column of the mean that it lacks in a case; n_means for none. A case is drawn by entry.
    """

    lacking: Tensor

    def __init__(self, lacking: np.ndarray) -> None:
        super().__init__()
        self.register_buffer("lacking", torch.from_numpy(lacking))

    def forward(self, batch: LevelBatch) -> tuple[Tensor, Tensor]:
        """Return means and their weights in [0, 1), both of shape (batch, n_means)."""
        means, masses = batch.means, batch.masses
        if self.training:
            n_cases = len(self.lacking)
            drawn = torch.empty_like(means[:, 0]).uniform_(generator=self.generator) * n_cases
            case = drawn.long().clamp(max=n_cases - 1)  # rounding may reach the bound
            means, masses = lessened(means, masses, self.lacking.index_select(0, case))
        return means, masses / (1 + masses)


def lessened(means: Tensor, masses: Tensor, column: Tensor) -> tuple[Tensor, Tensor]:
    """Return means and masses, (batch, n_means), without the entries of the means in `column`."""
    of_others, mass = (F.pad(part, (0, 1)).gather(1, column) for part in (means, masses))
    rest = masses - mass
    rest = torch.where(rest > _ROUNDING * masses, rest, 0.0)
    total = (1 + masses) * means - (1 + mass) * of_others
    return torch.where(rest > 0, total / (1 + rest), 0.0), rest


_ROUNDING = 1e-6  # share of a mass that may be left of two equal ones
_WIDTH = 64  # of the hidden layer on marginal means
# Factors are multiplied by these numbers, beside dense layers and alone, so that they learn in steps that are larger by
# as much: at the rate that is right for dense layers, products of factors were still learning at the end.
_STEP_BESIDE, _STEP_ALONE = 2.0, 6.0


class FactorizationBody(nn.Module):
    r"""Features of an entry with the levels :math:`i_1, \dots, i_M`.

    The features are the sum of dense layers on the vectors v of the levels and of a linear map of the products of
    factors f and of the biases b. Those of an entry of a held-out fibre come from its marginal means m, weights w:

        h = g([v_1, ..., v_M]) + W [prod_k f_k, b_1, ..., b_M]    or    h = q([m, w]) + U m

    Parameters
    ----------
    n_levels, widths : list of int
        Number of levels of each mode, and width of their vectors.
    rank : int
        Number of products; 0 for none.
    n_outputs : int
        Number of biases of a level.
    hidden : tuple of int
        Widths of the dense layers; without any there is no map g.
    n_features : int
    activation : str
    dropout : float in [0, 1)
        Probability to drop a hidden unit in training.
    lacking : int64 array of shape (n_cases, n_means)
        What the marginal means of an entry of a held-out fibre lack. Without cases no means are read.
    fibre_dropout : float in [0, 1)
        Probability to train a level as one that only has features. With zero, entries of held-out fibres are not
        trained either.
    features : sequence of (Tensor or None)
        For each mode, the features of its levels; see `FeaturedEmbedding`.
    """

    def __init__(
        self,
        n_levels: list[int],
        widths: list[int],
        rank: int,
        *,
        n_outputs: int,
        hidden: tuple[int, ...],
        n_features: int,
        activation: Activation,
        dropout: float,
        lacking: np.ndarray,
        fibre_dropout: float,
        features: Sequence[Tensor | None],
    ) -> None:
        super().__init__()
        widths = widths if hidden else [0] * len(widths)
        self.parts = [(width, rank, n_outputs) for width in widths]
        step = _STEP_BESIDE if hidden else _STEP_ALONE
        self.scale = step ** len(n_levels)
        self.embeddings: Any = nn.ModuleList()
        for n, width, of_levels in zip(n_levels, widths, features, strict=True):
            # Products of factors that all begin near one number are alike, and take long to become different.
            spreads = [(width, 0.1), (rank, 1 / step), (n_outputs, 0.0)]
            if of_levels is None:
                self.embeddings.append(LevelEmbedding(n, spreads))
            else:
                self.embeddings.append(FeaturedEmbedding(n, spreads, of_levels, fibre_dropout))
        linears = linear_layers([sum(widths), *hidden])
        self.dense = dense_stack(linears, activation, dropout, activate_last=True) if hidden else None
        self.linear = Linear(rank + n_outputs * len(widths), n_features)
        n_cases, n_means = lacking.shape
        self.fibres = HeldOutFibres(lacking) if n_cases else None
        self.twofold = n_cases > 0 and fibre_dropout > 0
        if n_cases:
            self.of_means = dense_stack(linear_layers([2 * n_means, _WIDTH, n_features]), activation)
            self.of_means_alone = Linear(n_means, n_features)

    def forward(self, batch: LevelBatch) -> Tensor:
        """Return features of shape (batch, n_features); of a twofold body in training (2 * batch, n_features).

        These are the features of the entries as they are, and after them those of the entries as if their fibres were
        held out.
        """
        features = self._of_levels(batch.codes)
        if self.fibres is None:
            return features
        means, weights = self.fibres(batch)
        others = self.of_means(torch.cat([means, weights], dim=1)) + self.of_means_alone(means)
        features = torch.where(batch.held_out[:, None], others, features)
        return torch.cat([features, others]) if self.training and self.twofold else features

    def _of_levels(self, codes: Tensor) -> Tensor:
        rows = [embedding(code) for embedding, code in zip(self.embeddings, codes.unbind(1), strict=True)]
        parts = [row.split(sizes, dim=1) for row, sizes in zip(rows, self.parts, strict=True)]
        vectors, factors, biases = zip(*parts, strict=True)
        terms = [*biases]
        if factors[0].shape[1]:
            terms.append(math.prod(factors) * self.scale)
        features: Tensor = self.linear(torch.cat(terms, dim=1))
        return features if self.dense is None else features + self.dense(torch.cat(vectors, dim=1))

    @torch.no_grad()
    def vectors(self) -> list[np.ndarray]:
        """Return the vectors of the levels of each mode, or their factors if there are no vectors."""
        found = []
        for embedding, sizes in zip(self.embeddings, self.parts, strict=True):
            vectors, factors, _ = embedding.levels().split(sizes, dim=1)
            found.append((vectors if sizes[0] else _STEP_ALONE * factors).numpy(force=True).copy())
        return found
