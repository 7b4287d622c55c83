"""Tables as a network reads them: codes of categories, scaled numbers, and a vector for each column."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from scipy.stats import norm
from torch import Tensor, nn
from torch.nn import functional as F

from sklearn_ann import training
from sklearn_ann.attention.mind import Mind
from sklearn_ann.base.supervised import mean_and_scale
from sklearn_ann.preprocessing import columns

Scaling = Literal["quantile", "standard"]
Numeric = Literal["periodic", "linear"]

_KNOTS = 256
_ROUNDING = 1e-9
_BATCH, _BATCHES = (32, 256), 50  # as many batches an epoch, as far as their sizes stay in bounds
_EDGE = 1e-3  # probability of the outermost quantiles, at which the normal distribution is cut


class TableBatch(NamedTuple):
    """Rows of a table."""

    codes: Tensor  # (batch, n_categorical)
    numbers: Tensor  # (batch, n_numeric), NaN where one is missing
    own: Tensor  # (batch,), number among the samples of the fit, -1 for others


class TableRows(training.Samples):
    """The rows of a table of categories and numbers, as those of `TableBatch`."""

    least_batch = training.Rows.least_batch

    def __init__(self, codes: Tensor, numbers: Tensor, own: Tensor) -> None:
        self.codes, self.numbers, self.own = codes, numbers, own
        self.device = codes.device
        self.nbytes = codes.nbytes + numbers.nbytes + own.nbytes

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, index: Tensor) -> TableBatch:
        return TableBatch(*(part.index_select(0, index) for part in (self.codes, self.numbers, self.own)))

    def to(self, device: torch.device) -> TableRows:
        """The same rows on `device`."""
        return TableRows(*(part.to(device) for part in (self.codes, self.numbers, self.own)))


class Scale:
    """Numbers of each column in a common unit; what is missing stays NaN.

    ``"standard"``: mean 0 and standard deviation 1. ``"quantile"``: the share of the samples below a number, as the
    quantile of the normal distribution, so that the order counts and outliers do not.

    Parameters
    ----------
    kind : {"quantile", "standard"}
    X : float64 array of shape (n_samples, n_columns)
    weight : array of shape (n_samples,) or None
    """

    def __init__(self, kind: Scaling, X: np.ndarray, weight: np.ndarray | None) -> None:
        self.columns = [self._learn(kind, column, weight) for column in X.T]

    @staticmethod
    def _learn(kind: Scaling, column: np.ndarray, weight: np.ndarray | None) -> tuple[Any, ...]:
        there = ~np.isnan(column)
        values, weight = column[there], None if weight is None else weight[there]
        if len(values) == 0 or (weight is not None and not weight.any()):
            return 0.0, 1.0
        if kind == "standard":
            mean, scale = mean_and_scale(values[:, None], weight, "X")
            return float(mean[0]), float(scale[0])
        shares = np.linspace(0, 1, _KNOTS)
        # Samples of weight two are the same as samples that are there twice, whatever sums of weights round to.
        order = np.argsort(values, kind="stable")
        below = np.cumsum(np.ones(len(values)) if weight is None else weight[order])
        place = np.searchsorted(below / below[-1], shares - _ROUNDING)
        return values[order][place.clip(max=len(values) - 1)], shares

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """Scale, shape (n_samples, n_columns)."""
        scaled = np.empty(X.shape)
        for number, (column, (first, second)) in enumerate(zip(X.T, self.columns, strict=True)):
            if np.ndim(first) == 0:
                scaled[:, number] = (column - first) / second
                continue
            # Where many samples have one value the share is the middle of those below it and those up to it.
            share = (np.interp(column, first, second) - np.interp(-column, -first[::-1], -second[::-1])) / 2
            scaled[:, number] = norm.ppf(np.clip(share, _EDGE, 1 - _EDGE))
        return scaled


class TableMind(Mind):
    """What reads tables; the parameters are those of `AttentionClassifier`."""

    def __init__(self, *, categorical_features: Any, scaling: Scaling) -> None:
        self.categorical_features, self.scaling = categorical_features, scaling
        self.names: list[str] = []
        self.categories: list[np.ndarray] = []
        self.scale: Scale | None = None
        self.n_samples = 0

    @property
    def auto(self) -> dict[str, Any]:
        """What ``"auto"`` stands for."""
        least, most = _BATCH
        return {"max_epochs": 20, "batch_size": min(max(least, self.n_samples // _BATCHES), most)}

    def read(self, X: Any, *, reset: bool, names: list[str] | None, dtype: torch.dtype) -> TableRows:
        """Codes of the categorical columns, numbers of the others."""
        if reset:
            self.dtype = dtype
            self.categorical = columns.categorical_positions(X, self.categorical_features)
            self.numeric = [position for position in range(X.shape[1]) if position not in self.categorical]
            self.all_names = names or [f"column {position}" for position in range(X.shape[1])]
            self.categories = [
                columns.find_categories(columns.column(X, position), self.all_names[position])
                for position in self.categorical
            ]
        codes = np.empty((len(X), len(self.categorical)), dtype=np.int64)
        for place, (position, known) in enumerate(zip(self.categorical, self.categories, strict=True)):
            codes[:, place] = columns.encode(columns.column(X, position), known, self.all_names[position])
        numbers = columns.numbers(X, self.numeric, missing=True).astype(np.float64)
        own = torch.full((len(X),), -1)
        if reset:
            return TableRows(torch.from_numpy(codes), torch.from_numpy(numbers), own)
        return TableRows(torch.from_numpy(codes), self._scaled(numbers), own)

    def _scaled(self, numbers: np.ndarray) -> Tensor:
        assert self.scale is not None
        return torch.as_tensor(self.scale(numbers), dtype=self.dtype)

    def learn(self, examples: training.Examples) -> training.Examples:
        """Learn the scale of the numbers, and number the rows."""
        samples: Any = examples.samples
        numbers = samples.numbers.numpy()
        rows = slice(None) if examples.rows is None else examples.rows.numpy()
        weight = None if examples.weight is None else examples.weight.numpy()[rows]
        self.scale = Scale(self.scaling, numbers[rows], weight)
        self.n_samples = len(samples)
        scaled = TableRows(samples.codes, self._scaled(numbers), torch.arange(len(samples)))
        return dataclasses.replace(examples, samples=scaled)

    @property
    def n_categories(self) -> list[int]:
        """Numbers of categories of the categorical columns."""
        return [len(known) for known in self.categories]

    @property
    def column_names(self) -> list[str]:
        """Names of the numeric columns, then of the categorical ones, the order of the vectors."""
        return [self.all_names[position] for position in (*self.numeric, *self.categorical)]


class ColumnVectors(nn.Module):
    r"""A vector for each column of a row (Gorishniy et al. 2021, section 3.3).

    Of a category it is a row of a table. Of a number x it is ``x w_j + b_j``, or ``ReLU(W_j [x, cos v, sin v] + b_j)``
    with waves ``v = 2 pi c_j x`` of learned frequencies (Gorishniy et al. 2022, section 3.3).

    Parameters
    ----------
    n_categories : list of int
    n_numbers, width : int
    numeric : {"periodic", "linear"}
    """

    n_waves = 24
    spread = 0.05  # standard deviation of the frequencies at first

    def __init__(self, n_categories: list[int], n_numbers: int, width: int, numeric: Numeric) -> None:
        super().__init__()
        self.n_columns = n_numbers + len(n_categories)
        self.frequency = (
            nn.Parameter(self.spread * torch.randn(n_numbers, self.n_waves)) if numeric == "periodic" else None
        )
        n_inputs = 1 if self.frequency is None else 2 * self.n_waves + 1
        self.weight = nn.Parameter(torch.empty(n_numbers, n_inputs, width).uniform_(-1, 1) / math.sqrt(n_inputs))
        self.bias = nn.Parameter(torch.empty(n_numbers, width).uniform_(-1, 1) / math.sqrt(width))
        self.missing = nn.Parameter(torch.zeros(n_numbers, width))
        # Of each column its categories, what is missing, and what is unknown: that stays zero.
        sizes = [n + 2 for n in n_categories]
        starts = torch.tensor([0, *sizes]).cumsum(0)
        self.register_buffer("starts", starts[:-1], persistent=False)
        self.table = nn.Parameter(torch.randn(int(starts[-1]), width) / math.sqrt(width))
        with torch.no_grad():
            self.table[starts[1:] - 1] = 0

    def forward(self, batch: TableBatch) -> Tensor:
        """Return vectors of shape (batch, n_columns, width), those of numbers first."""
        x = batch.numbers
        absent = x.isnan()
        x = x.nan_to_num(0.0).T[:, :, None]  # (n_numbers, batch, 1)
        if self.frequency is not None:
            waves = 2 * math.pi * self.frequency[:, None] * x  # (n_numbers, batch, n_waves)
            x = torch.cat([x, waves.cos(), waves.sin()], dim=2)
        vectors = torch.baddbmm(self.bias[:, None], x, self.weight).transpose(0, 1)  # (batch, n_numbers, width)
        if self.frequency is not None:
            vectors = vectors.relu()
        vectors = torch.where(absent[:, :, None], self.missing, vectors)
        if not len(self.get_buffer("starts")):
            return vectors
        return torch.cat([vectors, F.embedding(batch.codes + self.get_buffer("starts"), self.table)], dim=1)
