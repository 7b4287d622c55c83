"""Classifier and regressor whose networks attend to tokens, to columns or to rows."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from sklearn.utils.validation import validate_data
from torch import Tensor, nn

from sklearn_ann import training
from sklearn_ann.attention.mind import Mind
from sklearn_ann.attention.tokens import Tokens
from sklearn_ann.base import NeuralClassifier, NeuralRegressor
from sklearn_ann.base.estimator import NeuralEstimator
from sklearn_ann.base.supervised import WithHead
from sklearn_ann.preprocessing.columns import as_table

MINDS: dict[str, type[Mind]] = {"tokens": Tokens}  # + "columns": Columns, "rows": Rows


class AttentionEstimator(NeuralEstimator):
    """What attention estimators share."""

    _mind: Mind

    def _encode(self, X: Any, *, reset: bool) -> training.Samples:
        if reset:
            kind = MINDS[kind_of(X) if self.attend == "auto" else self.attend]
            self._mind = kind(**self._named_in(kind))
        names = None
        if self._mind.reads_tables:
            X = as_table(X)
            validate_data(self, X, reset=reset, skip_check_array=True)
            names = list(getattr(self, "feature_names_in_", [])) or None
        return self._mind.read(X, reset=reset, names=names, dtype=self._dtype)

    def _examples(
        self, X: Any, y: Any, sample_weight: Any, *, reset: bool, **target_options: Any
    ) -> tuple[training.Examples, Tensor | None]:
        examples, target = super()._examples(X, y, sample_weight, reset=reset, **target_options)
        return self._mind.learn(examples) if reset else examples, target

    def _build_on(self, examples: training.Examples) -> nn.Module:
        body, n_features = self._mind.build(examples, **self._named_in(self._mind.build))
        self._n_features_out = n_features
        return WithHead(body, n_features, self.n_outputs_)

    def _named_in(self, function: Callable[..., Any]) -> dict[str, Any]:
        """Those hyper-parameters that `function` has as arguments."""
        names = inspect.signature(function).parameters
        return {name: value for name, value in self.get_params(deep=False).items() if name in names}
