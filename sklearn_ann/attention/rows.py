"""Attention of a row to the rows of the training set (retrieval)."""

from __future__ import annotations

import math
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sklearn_ann import training
from sklearn_ann.attention.body import RATE, AttentionBody
from sklearn_ann.base import Plan
from sklearn_ann.layers import ColumnVectors, Dropout, Stochastic
from sklearn_ann.reading import TableBatch, TableReader, TableRows

Similarity = Literal["l2", "dot"]

_WIDTH_OF_COLUMN = 16
_CANDIDATES = 6144  # training rows drawn for a batch, at most
_CHUNK = 16384  # keys compared at a time


def similarities(query: Tensor, key: Tensor, kind: Similarity, bias: Tensor | None = None) -> Tensor:
    """Return ``-||q - k||²`` or ``q k / sqrt(width)``, plus a bias of each key, shape (n_queries, n_keys).

    ``||q||²`` is left out: it is the same for all keys, so that their order and the softmax do not depend on it.
    """
    if kind == "dot":
        scores = query @ key.T / math.sqrt(query.shape[1])
        return scores if bias is None else scores + bias
    length = -key.square().sum(dim=1)
    return torch.addmm(length if bias is None else length + bias, query, key.T, alpha=2)


def _weights(scores: Tensor) -> Tensor:
    """Return the softmax of each row; zeros if no score is finite, as when a row is its own only candidate."""
    return scores.softmax(dim=1).nan_to_num(0.0)


def _first(n: int, scores: Tensor, number: Tensor) -> tuple[Tensor, Tensor]:
    """Return the `n` highest scores of each query (all if there are fewer) and their numbers, highest first."""
    top = scores.topk(min(n, scores.shape[1]), dim=1)
    return top.values, number.gather(1, top.indices)


class RowBody(AttentionBody, Stochastic):
    r"""Retrieval from the training set (TabR, Gorishniy et al. 2023, section 3.2).

    The network encodes a row and derives a key k from it. The nearest neighbours in the training set get the weights
    ``softmax(-||k - k_i||²)`` (or ``softmax(k k_i / sqrt(width))``) and the values ``W y_i + T (k - k_i)`` with
    matrices W and T. The weighted sum of the values is added to the encoded row. In training, a row never is its own
    neighbour, and neighbours come from training rows drawn for each batch (ModernNCA, Ye et al. 2024, section 4).
    A later ``partial_fit`` does not know which of its rows the network holds: there an equal row is no neighbour.

    Parameters
    ----------
    vectors : ColumnVectors
    candidates : TableRows
        The training rows.
    values : Tensor of shape (n_candidates, n_targets)
        Their targets.
    weight : Tensor of shape (n_candidates,) or None
        Their sample weights.
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
        # Dropout before the keys would move a row away from its neighbours.
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
        """Set the mode and drop the cached keys of the training rows, which training changes."""
        self.keys = None
        super().train(mode)
        return self

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"keys": None}

    def _encoded(self, batch: TableBatch) -> tuple[Tensor, Tensor]:
        """Return encoded rows and their keys, each of shape (batch, width)."""
        x = self.encoder(self.vectors(batch.codes, batch.numbers).flatten(1))
        return x, self.key(x)

    def _candidates(self, index: Tensor) -> TableBatch:
        return TableBatch(*(self.get_buffer(name).index_select(0, index) for name in ("codes", "numbers", "own")))

    def _all_keys(self) -> Tensor:
        if self.keys is None:
            index = torch.arange(len(self.get_buffer("own")), device=self.get_buffer("own").device)
            self.keys = torch.cat([self._encoded(self._candidates(part))[1] for part in torch.split(index, _CHUNK)])
        return self.keys

    def _best(
        self, query: Tensor, own: Tensor, key: Tensor, index: Tensor | slice, batch: TableBatch | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the scores of the nearest candidates, -inf for the query itself, and their positions in `index`.

        If there is a `batch`, candidates that are equal to a row of unknown number, -1, are the row itself, too.
        """
        bias = self.get_buffer("log_weight")[index] if self._buffers["log_weight"] is not None else None
        scores = similarities(query, key, self.similarity, bias)
        top = scores.topk(min(self.n_neighbors + 1, len(key)), dim=1)  # one may be the query itself
        itself = own[:, None] == self.get_buffer("own")[index][top.indices]
        if batch is not None:
            itself |= (own < 0)[:, None] & self._equal(batch, index, top.indices)
        return _first(self.n_neighbors, top.values.masked_fill(itself, -math.inf), top.indices)

    def _equal(self, batch: TableBatch, index: Tensor | slice, position: Tensor) -> Tensor:
        """Return whether candidates, by position in `index`, are equal to the rows of the batch, (batch, n)."""
        codes, numbers = (self.get_buffer(name)[index][position] for name in ("codes", "numbers"))
        one = batch.numbers[:, None]
        same = (numbers == one) | (numbers.isnan() & one.isnan())
        return (codes == batch.codes[:, None]).all(dim=2) & same.all(dim=2)

    def _nearest(self, query: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
        """Return scores and numbers of the nearest training rows by exact search, chunk by chunk."""
        keys = self._all_keys()
        best, number = query.new_full((query.shape[0], 0), -math.inf), own.new_zeros((query.shape[0], 0))
        for begin in range(0, len(keys), _CHUNK):
            part = slice(begin, begin + _CHUNK)
            found, position = self._best(query, own, keys[part], part)
            best, number = torch.cat([best, found], dim=1), torch.cat([number, position + begin], dim=1)
            best, number = _first(self.n_neighbors, best, number)
        return best, number

    def retrieve(self, query: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
        """Return weights and numbers of the nearest training rows, nearest first, shapes (batch, n_neighbors)."""
        scores, number = self._nearest(query, own)
        return _weights(scores), number

    def _recalled(self, query: Tensor, batch: TableBatch) -> tuple[Tensor, Tensor]:
        """Return weighted means of the neighbours' targets, (batch, n_targets), and of their keys, (batch, width)."""
        own = batch.own
        values = self.get_buffer("values")
        if not self.training:
            weights, number = self.retrieve(query, own)
            mixed = [torch.einsum("bn,bnd->bd", weights, of[number]) for of in (values, self._all_keys())]
            return mixed[0], mixed[1]
        # In training, gradients reach the keys. A product with sparse weights is faster than gathering neighbours.
        index = torch.arange(len(values), device=own.device)
        if len(index) > _CANDIDATES:
            index = torch.randint(len(index), (_CANDIDATES,), device=own.device, generator=self.generator)
            index = torch.unique(index)
        keys = self._encoded(self._candidates(index))[1]
        scores, position = self._best(query, own, keys, index, batch)
        weights = self.dropout(_weights(scores))
        weights = weights.new_zeros(len(query), len(keys)).scatter(1, position, weights)
        return weights @ values.index_select(0, index), weights @ keys

    def forward(self, batch: TableBatch) -> Tensor:
        """Return features of shape (batch, width)."""
        x, query = self._encoded(batch)
        target, key = self._recalled(query, batch)
        x = x + self.label(target) + self.difference(query - key)
        x = x + self.predictor(x)
        features: Tensor = self.norm(x).relu()
        return features

    def neighbors(self, batch: TableBatch) -> tuple[Tensor, Tensor]:
        """Return the positions of the neighbours among the samples of the fit, and their weights, nearest first."""
        weights, number = self.retrieve(self._encoded(batch)[1], batch.own)
        return self.get_buffer("own")[number], weights

    def attention(self, batch: TableBatch) -> list[Tensor]:
        """Return the weights of the neighbours, nearest first, shape (batch, 1, 1, n_neighbors)."""
        return [self.neighbors(batch)[1][:, None, None]]

    @staticmethod
    def defaults(plan: Plan) -> dict[str, Any]:
        """Return the values that ``"auto"`` stands for."""
        return {"dropout": 0.2, "max_epochs": 20, "learning_rate": RATE}

    @classmethod
    def build(cls, plan: Plan) -> Self:
        """Build a network that holds the training rows."""
        p, reader, examples = plan.parameters, plan.reader, plan.examples
        samples = examples.samples
        if samples.streamed:
            raise TypeError(
                "attend='rows' keeps all rows of the fit in the network: X must be in memory, as an array or a frame. "
                "attend='columns' reads X in chunks"
            )
        samples.own[:] = torch.arange(len(samples))  # -1 in a warm start, which reads them like new samples
        rows = torch.arange(len(samples)) if examples.rows is None else examples.rows
        candidates = TableRows(samples.codes[rows], samples.numbers[rows], samples.own[rows])
        assert examples.target is not None
        assert plan.targets is not None
        target = examples.target[rows]
        values = F.one_hot(target.flatten(), plan.targets.n_outputs) if target.dtype == torch.int64 else target
        vectors = ColumnVectors(reader.n_categories, len(reader.numeric), _WIDTH_OF_COLUMN, p.numeric)
        return cls(
            vectors,
            candidates,
            values.to(reader.dtype),
            None if examples.weight is None else examples.weight[rows],
            p.n_components,
            n_neighbors=min(p.n_neighbors, len(rows)),
            similarity=p.similarity,
            dropout=p.dropout,
        )

    def key_names(self, reader: TableReader, samples: training.Samples) -> list[list[str]]:
        """Return the ranks of the neighbours; `neighbors` returns their positions."""
        return [[f"neighbour {rank}" for rank in range(1, self.n_neighbors + 1)]] * len(samples)
