"""Classifier and regressor of tables with dense networks side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from sklearn.utils import Tags
from torch import nn

from sklearn_ann import training
from sklearn_ann.base import NeuralClassifier, NeuralEstimator, NeuralRegressor, Plan
from sklearn_ann.base.budget import Budget, reduced_rate
from sklearn_ann.base.parameters import (
    DropProbability,
    Fraction,
    LayerSizes,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    fitted,
)
from sklearn_ann.layers import Activation, ColumnVectors, Numeric, WithHead, layer_widths
from sklearn_ann.reading import Reader, TableReader
from sklearn_ann.reading.scaling import Scaling
from sklearn_ann.tabular.network import MembersBody

_WIDTH, _MANY, _WIDE = 64, 5000, 128  # of a hidden layer; samples from which on it is wide
_PIECES = (16, 64)  # bounds of the intervals of a number
_RATE = 8e-3  # learning rate, if there are enough samples


def intervals(n_samples: int) -> int:
    """Return the number of intervals that ``n_pieces="auto"`` stands for."""
    least, most = _PIECES
    return min(max(least, n_samples // 100), most)


class TabularEstimator(NeuralEstimator):
    """Parameters and methods shared by classifier and regressor.

    Parameters
    ----------
    n_members : int
        Number of networks (members) side by side. Each member has its own loss, and the predictions are averaged.

    hidden_layer_sizes : "auto", int or tuple of ints
        Widths of the hidden layers. ``"auto"`` is (64, 64), and (128, 128) with 5,000 samples or more, unless all
        samples make one batch. The last width is the number of features that ``transform`` returns for each member.

    embedding_size : int
        Width of the vector of a column.

    activation : {"identity", "logistic", "tanh", "relu", "elu", "gelu", "silu"}
        Function after each hidden layer.

    dropout : float
        Probability, in [0, 1), to drop a hidden unit in training.

    categorical_features : "auto", or list of int, str or bool
        The categorical columns, by position, by name in a frame, or by a bool for each column. ``"auto"`` decides by
        the type of the column; a column of objects is numeric if nine tenths of its values are numbers. Missing values
        are one more category, and so are categories that ``fit`` has not seen.

    scaling : {"quantile", "standard"}
        Scale of the numbers. ``"quantile"`` maps them to quantiles of the normal distribution, and ``"standard"`` to
        mean 0 and standard deviation 1. Missing numbers (NaN) have a learned vector.

    numeric : {"piecewise", "periodic", "linear"}
        Vector of a number. ``"piecewise"`` uses a function that is linear on each of `n_pieces` intervals,
        ``"periodic"`` sine waves of learned frequencies, and ``"linear"`` a multiple of a learned vector.

    n_pieces : "auto" or int
        Number of intervals between quantiles of a number, for ``numeric="piecewise"``. ``"auto"`` is a hundredth of the
        number of samples, at least 16 and at most 64, and 16 if all samples make one batch.

    learning_rate_warmup : float
        Share of `max_epochs`, in [0, 1), over which the learning rate rises linearly to `learning_rate`.

    max_epochs : "auto" or int
        Maximum number of epochs. ``"auto"`` is the number that makes 0.6 steps of the optimiser for each sample, at
        least 150 and at most 4,000 steps, and 150 epochs if all samples make one batch.

    learning_rate : "auto" or float
        Step size of the optimiser. ``"auto"`` is 0.008, with n < 1000 samples ``0.008 * sqrt(n / 1000)``, and 0.004 if
        all samples make one batch.

    Attributes
    ----------
    categorical_features_ : list of str or int
        Names of the categorical columns, or their positions if X has no names.
    """

    n_members: PositiveInt = 8
    hidden_layer_sizes: LayerSizes | Literal["auto"] = "auto"
    embedding_size: PositiveInt = 8
    activation: Activation = "relu"
    dropout: DropProbability = 0.1
    categorical_features: Any = "auto"
    scaling: Scaling = "quantile"
    numeric: Numeric = "piecewise"
    n_pieces: PositiveInt | Literal["auto"] = "auto"
    learning_rate_warmup: Fraction = 0.05
    max_epochs: PositiveInt | Literal["auto"] = "auto"
    batch_size: PositiveInt | Literal["auto"] | None = "auto"
    learning_rate: PositiveFloat | Literal["auto"] = "auto"  # type: ignore[assignment]  # by the samples
    learning_rate_schedule: training.Schedule = "cosine"
    weight_decay: NonNegativeFloat = 0.1
    max_grad_norm: PositiveFloat | None = 1.0

    categorical_features_: list[str | int] = fitted()

    _begins_from: ClassVar[Mapping[str, str]] = {
        "rows": "an AutoEncoderTransformer or VAESampler with architecture='dense'"
    }
    _budget: ClassVar[Budget] = Budget(steps=150, steps_of_sample=0.6, most_steps=4000)

    def _reader(self, X: Any, **common: Any) -> Reader[Any]:
        features = self.categorical_features
        return TableReader(categorical_features=features, scaling=self.scaling, missing=True, **common)

    def _auto(self, plan: Plan) -> dict[str, Any]:
        n_samples = len(plan.examples)
        if (
            plan.one_batch
        ):  # where a sample of weight two and two samples get the same fit, nothing goes by their number
            return {"hidden_layer_sizes": (_WIDTH,) * 2, "learning_rate": _RATE / 2, "n_pieces": _PIECES[0]}
        return {
            "hidden_layer_sizes": (_WIDTH if n_samples < _MANY else _WIDE,) * 2,
            "learning_rate": reduced_rate(_RATE, n_samples),
            "n_pieces": intervals(n_samples),
        }

    def _body(self, plan: Plan) -> tuple[nn.Module, int]:
        p, reader = plan.parameters, plan.reader
        vectors = ColumnVectors(reader.n_categories, len(reader.numeric), p.embedding_size, p.numeric, p.n_pieces)
        hidden = layer_widths(p.hidden_layer_sizes)
        body = MembersBody(
            vectors, p.embedding_size, hidden, n_members=p.n_members, activation=p.activation, dropout=p.dropout
        )
        return body, hidden[-1] if hidden else vectors.n_columns * p.embedding_size

    def _with_head(self, plan: Plan, body: nn.Module, n_features: int) -> WithHead:
        n_members = plan.parameters.n_members
        if n_members is None:  # the body is that of another network, which has no members
            return super()._with_head(plan, body, n_features)
        assert plan.targets is not None
        return WithHead(body, n_features, plan.targets.n_outputs, n_members, plan.targets.average)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        tags.input_tags.string = tags.input_tags.categorical = tags.input_tags.allow_nan = True
        return tags


class TabularClassifier(TabularEstimator, NeuralClassifier):
    r"""Classification of tables with dense networks that share most of their weights.

    Each column becomes a vector: a category by an embedding matrix [3]_, a number by a learned piecewise linear
    function [2]_. Several networks, the members, read the vectors x of a row. Member m multiplies the vectors by its
    own weights :math:`r_m`. The members share the matrices of the hidden layers, but not the biases and the last layer
    [1]_:

    .. math:: h_1 = f(W_1 (r_m \odot x) + b_{1,m}), \quad h_2 = f(W_2 h_1 + b_{2,m}), \quad o_m = V_m h_2 + c_m.

    Training minimises the mean of the losses of the members. A prediction is the mean of their probabilities.

    The number of optimiser steps depends on the number of samples only, and the learning rate falls along half a cosine
    over these steps.

    References
    ----------
    .. [1] Gorishniy, Y., Kotelnikov, A. and Babenko, A. (2024). TabM: advancing tabular deep learning with
       parameter-efficient ensembling. arXiv:2410.24210.

    .. [2] Gorishniy, Y., Rubachev, I. and Babenko, A. (2022). On embeddings for numerical features in tabular deep
       learning. arXiv:2203.05556.

    .. [3] Guo, C. and Berkhahn, F. (2016). Entity embeddings of categorical variables. arXiv:1604.06737.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_ann import TabularClassifier
    >>> animals = pd.DataFrame(
    ...     {"skin": ["fur", "feathers", "scales"] * 20, "legs": [4, 2, 0] * 20}
    ... )
    >>> kinds = ["mammal", "bird", "fish"] * 20
    >>> model = TabularClassifier(random_state=0).fit(animals, kinds)
    >>> model.predict(pd.DataFrame({"skin": ["feathers"], "legs": [2]}))
    array(['bird'], dtype='<U6')
    >>> model.categorical_features_
    ['skin']
    """


class TabularRegressor(TabularEstimator, NeuralRegressor):
    """Regression on tables with dense networks that share most of their weights, as in `TabularClassifier`.

    A prediction is the mean of the members' predictions.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn_ann import TabularRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = TabularRegressor(random_state=0).fit(X[:350], y[:350])
    >>> print(f"R2 {model.score(X[350:], y[350:]):.1f}")
    R2 0.6
    """
