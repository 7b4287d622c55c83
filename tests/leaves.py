"""Estimators that exist for the tests alone: the thinnest classifier and regressor, and one of ragged samples."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.utils import Tags
from torch import Tensor, nn

from sklearn_ann import training
from sklearn_ann.base import NeuralClassifier, NeuralRegressor, Plan
from sklearn_ann.base.parameters import DropProbability, LayerSizes, PositiveInt
from sklearn_ann.layers import Activation, Groups, dense_stack, layer_widths, linear_layers, ragged_positions
from sklearn_ann.reading import Reader


class _Dense:
    def _body(self, plan: Plan) -> tuple[nn.Module, int]:
        p = plan.parameters
        widths = (plan.reader.columns.number, *layer_widths(p.hidden_layer_sizes))
        body = dense_stack(linear_layers(widths), p.activation, p.dropout, activate_last=True)
        return body, widths[-1]


class DenseClassifier(_Dense, NeuralClassifier):
    """A plain dense classifier.

    Parameters
    ----------
    hidden_layer_sizes : int or tuple of ints
        Widths of the hidden layers.

    activation : str
        Function after each hidden layer.

    dropout : float
        Probability to drop a hidden unit while training.
    """

    hidden_layer_sizes: LayerSizes = (32,)
    activation: Activation = "relu"
    dropout: DropProbability = 0.0


class DenseRegressor(_Dense, NeuralRegressor):
    """A plain dense regressor.

    Parameters
    ----------
    hidden_layer_sizes : int or tuple of ints
        Widths of the hidden layers.

    activation : str
        Function after each hidden layer.

    dropout : float
        Probability to drop a hidden unit while training.
    """

    hidden_layer_sizes: LayerSizes = (32,)
    activation: Activation = "relu"
    dropout: DropProbability = 0.0


class Bags(NamedTuple):
    """A batch of bags of points."""

    points: Tensor  # (n_points, width)
    groups: Groups  # of points


class RaggedBags(training.Samples):
    """Bags of points of different sizes, one after the other in memory."""

    def __init__(self, points: Tensor, starts: Tensor) -> None:
        self.points, self.starts = points, starts

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, index: Tensor) -> Bags:
        groups, positions = ragged_positions(self.starts, index)
        return Bags(self.points.index_select(0, positions), groups)


class BagReader(Reader[RaggedBags]):
    """Reads lists of bags."""

    def learn(self, X: Any, y: Any = None) -> RaggedBags:
        self.columns.count(np.shape(X[0])[1])
        return self.read(X)

    def read(self, X: Any, y: Any = None) -> RaggedBags:
        starts = np.cumsum([0, *map(len, X)])
        points = np.concatenate([np.asarray(bag, dtype=np.float32) for bag in X])
        return RaggedBags(torch.from_numpy(points), torch.from_numpy(starts))


class _MeanOfBag(nn.Module):
    def __init__(self, width: int, n_features: int) -> None:
        super().__init__()
        self.point = nn.Sequential(nn.Linear(width, n_features), nn.ReLU())

    def forward(self, bags: Bags) -> Tensor:
        features = self.point(bags.points)  # (n_points, n_features)
        total = features.new_zeros(bags.groups.n_groups, features.shape[1]).index_add(0, bags.groups.members, features)
        return total / bags.groups.lengths.clamp(min=1)[:, None]


class BagClassifier(NeuralClassifier):
    """A classifier of bags, each an array of shape (n_points, width) with an n_points of its own.

    Parameters
    ----------
    n_hidden : int
        Features of a bag.
    """

    n_hidden: PositiveInt = 16
    learning_rate: float = 1e-2

    def _reader(self, X: Any, **common: Any) -> Reader:
        return BagReader(**common)

    def _body(self, plan: Plan) -> tuple[nn.Module, int]:
        n_hidden = plan.parameters.n_hidden
        return _MeanOfBag(plan.examples.samples.points.shape[1], n_hidden), n_hidden

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        return tags
