"""Attention of a row to the rows of the training set: retrieval."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sklearn_ann import training
from sklearn_ann.attention.mind import AttentionBody
from sklearn_ann.attention.tables import ColumnVectors, Numeric, TableBatch, TableMind, TableRows
from sklearn_ann.layers import Dropout, Stochastic

Similarity = Literal["l2", "dot"]

_WIDTH_OF_COLUMN = 16
_CANDIDATES = 6144  # that a batch meets in training
_CHUNK = 16384  # keys that are compared at a time


def similarities(query: Tensor, key: Tensor, kind: Similarity, bias: Tensor | None = None) -> Tensor:
    """``-||q - k||²`` or ``q k / sqrt(width)``, and a bias of each key, shape (n_queries, n_keys).

    Without ``||q||²``, which is the same for all keys: neither their order nor the softmax over them sees it.
    """
    if kind == "dot":
        scores = query @ key.T / math.sqrt(query.shape[1])
        return scores if bias is None else scores + bias
    length = -key.square().sum(dim=1)
    return torch.addmm(length if bias is None else length + bias, query, key.T, alpha=2)


def _weights(scores: Tensor) -> Tensor:
    """The softmax; zeros where nothing but the row itself is there to attend to."""
    return scores.softmax(dim=1).nan_to_num(0.0)


def _first(n: int, scores: Tensor, number: Tensor) -> tuple[Tensor, Tensor]:
    """The `n` highest scores of each query, or all if there are fewer, and their numbers, highest first."""
    top = scores.topk(min(n, scores.shape[1]), dim=1)
    return top.values, number.gather(1, top.indices)


class RowBody(AttentionBody, Stochastic):
    r"""Retrieval (Gorishniy et al. 2023, TabR, section 3.2): keys are encoded training rows, values carry their labels.

    A row is encoded as k. Its k nearest neighbours in the training set, itself left out while training, have weights
    ``softmax(-||k - k_i||²)`` (or ``softmax(k k_i / sqrt(width))``), and each the value ``W y_i + T (k - k_i)``,
    with T a matrix. The sum is added to the encoded row. While training, neighbours are sought among training rows that
    are drawn for each batch (Ye et al. 2024, ModernNCA, section 4).

    Parameters
    ----------
    vectors : ColumnVectors
    candidates : TableRows
        The training rows.
    values : Tensor of shape (n_candidates, n_targets)
        Their targets.
    weight : Tensor of shape (n_candidates,) or None
        What each counts.
    width : int
    n_neighbors : int
    similarity : {"l2", "dot"}
    dropout : float
    """

    def __init__(
        self,
        vectors: ColumnVectors,
        candidates: TableRows,
        values: Tensor,
        weight: Tensor | None,
        width: int,
        *,
        n_neighbors: int,
        similarity: Similarity,
        dropout: float,
    ) -> None:
        super().__init__()
        self.n_neighbors, self.similarity = n_neighbors, similarity
        for name, part in (("codes", candidates.codes), ("numbers", candidates.numbers), ("own", candidates.own)):
            self.register_buffer(name, part, persistent=False)
        self.register_buffer("values", values, persistent=False)
        self.register_buffer("log_weight", None if weight is None else weight.log(), persistent=False)
        self.vectors = vectors
        n_inputs = vectors.n_columns * vectors.bias.shape[1]
        # No dropout before the keys: it would move a row away from its neighbours.
        self.encoder = nn.Sequential(nn.Linear(n_inputs, 2 * width), nn.ReLU(), nn.Linear(2 * width, width))
        self.key = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width))
        self.label = nn.Linear(values.shape[1], width)
        self.difference = nn.Linear(width, width, bias=False)
        self.dropout = Dropout(dropout)
        self.predictor = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.ReLU(), Dropout(dropout), nn.Linear(2 * width, width)
        )
        self.norm = nn.LayerNorm(width)
        self.keys: Tensor | None = None

    def train(self, mode: bool = True) -> RowBody:
        """Forget the keys of the training rows, which are made anew when they are needed, once for all batches."""
        self.keys = None
        super().train(mode)
        return self

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"keys": None}

    def _encoded(self, batch: TableBatch) -> tuple[Tensor, Tensor]:
        """Rows of shape (batch, width) and their keys."""
        x = self.encoder(self.vectors(batch).flatten(1))
        return x, self.key(x)

    def _candidates(self, index: Tensor) -> TableBatch:
        return TableBatch(*(self.get_buffer(name).index_select(0, index) for name in ("codes", "numbers", "own")))

    def _all_keys(self) -> Tensor:
        if self.keys is None:
            index = torch.arange(len(self.get_buffer("own")), device=self.get_buffer("own").device)
            self.keys = torch.cat([self._encoded(self._candidates(part))[1] for part in torch.split(index, _CHUNK)])
        return self.keys

    def _best(self, query: Tensor, own: Tensor, key: Tensor, index: Tensor | slice) -> tuple[Tensor, Tensor]:
        """Scores of the nearest of the candidates in `index`, -inf for the query itself, and their places in it."""
        bias = self.get_buffer("log_weight")[index] if self._buffers["log_weight"] is not None else None
        scores = similarities(query, key, self.similarity, bias)
        top = scores.topk(min(self.n_neighbors + 1, len(key)), dim=1)  # one more, as one may be the query itself
        itself = own[:, None] == self.get_buffer("own")[index][top.indices]
        return _first(self.n_neighbors, top.values.masked_fill(itself, -math.inf), top.indices)

    def _nearest(self, query: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
        """Scores and numbers of the nearest training rows: exact, some thousands of keys at a time."""
        keys = self._all_keys()
        best, number = query.new_full((len(query), 0), -math.inf), own.new_zeros((len(query), 0))
        for begin in range(0, len(keys), _CHUNK):
            part = slice(begin, begin + _CHUNK)
            found, place = self._best(query, own, keys[part], part)
            best, number = torch.cat([best, found], dim=1), torch.cat([number, place + begin], dim=1)
            best, number = _first(self.n_neighbors, best, number)
        return best, number

    def retrieve(self, query: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
        """Weights of the nearest training rows and their numbers, nearest first, shapes (batch, n_neighbors)."""
        scores, number = self._nearest(query, own)
        return _weights(scores), number

    def _recalled(self, query: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
        """Means, by their weights, of the neighbours' targets and keys: (batch, n_targets), (batch, width)."""
        values = self.get_buffer("values")
        if not self.training:
            weights, number = self.retrieve(query, own)
            mixed = [torch.einsum("bn,bnd->bd", weights, of[number]) for of in (values, self._all_keys())]
            return mixed[0], mixed[1]
        # Among rows that are drawn for this batch, with gradients; products, as gathering neighbours takes longer.
        index = torch.arange(len(values), device=own.device)
        if len(index) > _CANDIDATES:
            index = torch.randint(len(index), (_CANDIDATES,), device=own.device, generator=self.generator)
            index = torch.unique(index)
        keys = self._encoded(self._candidates(index))[1]
        scores, place = self._best(query, own, keys, index)
        weights = self.dropout(_weights(scores))
        weights = weights.new_zeros(len(query), len(keys)).scatter(1, place, weights)
        return weights @ values.index_select(0, index), weights @ keys

    def forward(self, batch: TableBatch) -> Tensor:
        """Return features of shape (batch, width)."""
        x, query = self._encoded(batch)
        target, key = self._recalled(query, batch.own)
        x = x + self.label(target) + self.difference(query - key)
        x = x + self.predictor(x)
        features: Tensor = self.norm(x).relu()
        return features

    def neighbors(self, batch: TableBatch) -> tuple[Tensor, Tensor]:
        """Return the neighbours' numbers among the samples of the fit, and their weights, nearest first."""
        weights, number = self.retrieve(self._encoded(batch)[1], batch.own)
        return self.get_buffer("own")[number], weights

    def attention(self, batch: TableBatch) -> list[Tensor]:
        """Return the weights of the neighbours, nearest first, shape (batch, 1, 1, n_neighbors)."""
        return [self.neighbors(batch)[1][:, None, None]]


class TrainingRows(TableMind):
    """Attention of a row to the rows of the training set; the parameters are those of `AttentionClassifier`."""

    @property
    def auto(self) -> dict[str, Any]:
        """What ``"auto"`` stands for."""
        return super().auto | {"dropout": 0.2}

    def build(  # type: ignore[override]
        self,
        examples: training.Examples,
        *,
        n_components: int,
        n_neighbors: int,
        similarity: Similarity,
        numeric: Numeric,
        dropout: float,
    ) -> tuple[RowBody, int]:
        """Return a new network that holds the training rows, and its width."""
        samples: Any = examples.samples
        rows = torch.arange(len(samples)) if examples.rows is None else examples.rows
        candidates = TableRows(*(part[rows] for part in (samples.codes, samples.numbers, samples.own)))
        assert examples.target is not None
        target = examples.target[rows]
        values = F.one_hot(target.flatten()).to(self.dtype) if target.dtype == torch.int64 else target.to(self.dtype)
        weight = None if examples.weight is None else examples.weight[rows]
        vectors = ColumnVectors(self.n_categories, len(self.numeric), _WIDTH_OF_COLUMN, numeric)
        self.n_neighbors = min(n_neighbors, len(rows))
        body = RowBody(
            vectors, candidates, values, weight, n_components,
            n_neighbors=self.n_neighbors, similarity=similarity, dropout=dropout,
        )  # fmt: skip
        return body, n_components

    def token_names(self, samples: Any) -> list[list[str]]:
        """The neighbours by their rank; ``neighbors`` says which they are."""
        return [[f"neighbour {rank}" for rank in range(1, self.n_neighbors + 1)]] * len(samples)
