"""What a variational auto-encoder has learned, as fitted attributes."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted
from torch import nn

from sklearn_ann.generative.likelihoods import Gaussian, NegativeBinomial
from sklearn_ann.generative.mixed import Mixed
from sklearn_ann.reading import MixedReader


class FittedParts:
    """Fitted attributes, most of which are read from the trained module."""

    reader_: Any
    module_: Any
    resolved_parameters_: Any
    conditions_: list[np.ndarray] | None
    active_units_: np.ndarray

    @property
    def encoder_(self) -> nn.Module:
        """The encoder as a torch module."""
        check_is_fitted(self)
        encoder: nn.Module = self.module_.encoder
        return encoder

    @property
    def decoder_(self) -> nn.Module:
        """The decoder as a torch module."""
        check_is_fitted(self)
        decoder: nn.Module = self.module_.decoder
        return decoder

    @property
    def prior_(self) -> nn.Module:
        """The distribution of codes as a torch module."""
        check_is_fitted(self)
        prior: nn.Module = self.module_.prior
        return prior

    @property
    def categorical_features_(self) -> list[Any] | None:
        """The categorical columns of a table."""
        check_is_fitted(self)
        rows = self.reader_.rows
        return rows.attributes["categorical_features_"] if isinstance(rows, MixedReader) else None

    @property
    def loadings_(self) -> np.ndarray | None:
        """The weights of a linear decoder, in the units of the data."""
        if not isinstance(self.decoder_, nn.Linear):
            return None
        likelihood: Any = self.module_.likelihood
        weight = self.decoder_.weight[: likelihood.n_features, : self.resolved_parameters_.n_components]
        if isinstance(likelihood, Gaussian):
            weight = weight * likelihood.scale[:, None]
        loadings: np.ndarray = weight.numpy(force=True)
        return loadings

    @property
    def noise_variance_(self) -> np.ndarray | None:
        """The variances of a Gaussian likelihood."""
        check_is_fitted(self)
        likelihood: Any = self.module_.likelihood
        if not isinstance(likelihood, Gaussian | Mixed):
            return None
        return (likelihood.variance() * likelihood.scale.square()).numpy(force=True)

    @property
    def dispersion_(self) -> np.ndarray | None:
        """The dispersions of a negative binomial likelihood."""
        check_is_fitted(self)
        likelihood: Any = self.module_.likelihood
        return likelihood.dispersion().numpy(force=True) if isinstance(likelihood, NegativeBinomial) else None
