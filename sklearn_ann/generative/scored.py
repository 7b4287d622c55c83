"""Bounds of the log-likelihood of samples under a variational auto-encoder."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_scalar

from sklearn_ann import training
from sklearn_ann.base import NeuralEstimator
from sklearn_ann.base.parameters import RandomState
from sklearn_ann.base.plan import checked_weights
from sklearn_ann.generative.network import VariationalAutoEncoder


class Scored(NeuralEstimator):
    """A variational auto-encoder that scores samples."""

    def elbo(self, X: Any, y: Any = None, *, n_draws: int = 100, random_state: RandomState = 0) -> np.ndarray:
        """Return the evidence lower bound of each sample, with weight 1 for the divergence.

        Parameters
        ----------
        X, y : as in ``fit``
            Samples and conditions.
        n_draws : int, default=100
            Number of draws of z to average over.
        random_state : int, RandomState instance or None, default=0
            Seed or generator.

        Returns
        -------
        array of shape (n_samples,)
            In nats.
        """
        return self._bound(VariationalAutoEncoder.evidence_bound, X, y, n_draws, random_state)

    def score_samples(self, X: Any, y: Any = None, *, n_draws: int = 100, random_state: RandomState = 0) -> np.ndarray:
        """Return the log-likelihood of each sample, as the importance-weighted lower bound.

        The bound is ``log mean_i p(x | z_i) p(z_i) / q(z_i | x)``. Its expectation is below ``log p(x)`` and approaches
        it with more draws; with one draw the expectation is the evidence lower bound.

        Parameters
        ----------
        X, y : as in ``fit``
            Samples and conditions.
        n_draws : int, default=100
            Number of draws of z.
        random_state : int, RandomState instance or None, default=0
            Seed or generator.

        Returns
        -------
        array of shape (n_samples,)
            In nats; for counts, given the library size.
        """
        return self._bound(VariationalAutoEncoder.importance_bound, X, y, n_draws, random_state)

    @training.isolated()
    def _bound(self, bound: Any, X: Any, y: Any, n_draws: int, random_state: RandomState) -> np.ndarray:
        samples = self._read(X, y)
        check_scalar(n_draws, "n_draws", Integral, min_val=1)
        rng = training.as_random_state(random_state)
        half = rng.standard_normal((-(-n_draws // 2), self._n_features_out))
        draws = torch.as_tensor(np.concatenate([half, -half])[:n_draws], dtype=self.reader_.dtype)
        bounds: np.ndarray = self._apply_to(
            samples, lambda network, batch: bound(network, batch, draws.to(batch.conditions.device))
        )
        return bounds

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the mean of ``score_samples``.

        Parameters
        ----------
        X, y : as in ``fit``
            Samples and conditions.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.

        Returns
        -------
        float
            In nats per sample.
        """
        scores = self.score_samples(X, y)
        return float(np.average(scores, weights=checked_weights(sample_weight, len(scores))))
