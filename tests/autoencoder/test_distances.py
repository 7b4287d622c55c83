"""Distances: concentration ends at a fixed point, and logarithms are in standard units."""

import numpy as np
import pytest
from sklearn.covariance import LedoitWolf

from sklearn_ann.autoencoder.distances import LogDistance, ShrunkenCovariance, concentrated_covariance


def samples(seed=0):
    """Four features that hang together, and a tenth of samples that do not keep to it."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(200, 2)) @ rng.normal(size=(2, 4)) + rng.normal(0, 0.1, size=(200, 4))
    X[:20] += rng.normal(0, 3, size=(20, 4))
    return X


def test_concentration_ends_where_the_nearest_samples_have_the_mean_and_covariance_that_make_them_nearest():
    X = samples()
    estimate = concentrated_covariance(X, 0.25)
    distances = estimate.mahalanobis(X)
    again = ShrunkenCovariance(X[distances <= np.quantile(distances, 0.75)])
    np.testing.assert_allclose(again.covariance, estimate.covariance)
    np.testing.assert_allclose(concentrated_covariance(X, 0.0).covariance, ShrunkenCovariance(X).covariance)


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_others_are_far_from_samples_that_are_mostly_alike(share):
    X = np.random.default_rng(0).normal(size=(100, 4))
    X[:80] = 1.0
    distances = concentrated_covariance(X, share).mahalanobis(X)
    assert distances[:80].max() < 1e-6
    assert distances[80:].min() > 1e6
    alone = concentrated_covariance(X[:80], share)
    assert alone.mahalanobis(X[80:]).min() > 1e6


@pytest.mark.parametrize("n", [2, 5, 200])
@pytest.mark.parametrize("columns", [1, 4])
def test_the_shrunken_covariance_is_that_of_scikit_learn(n, columns):
    X = samples()[:n, :columns]
    ours, theirs = ShrunkenCovariance(X), LedoitWolf().fit(X)
    np.testing.assert_allclose(ours.covariance, theirs.covariance_, atol=1e-12)
    np.testing.assert_allclose(ours.mahalanobis(samples(1)[:, :columns]), theirs.mahalanobis(samples(1)[:, :columns]))


def test_logarithms_are_in_standard_units_of_the_fit():
    parts = [samples(0), samples(1)]
    distance = LogDistance(0.25).fit(parts)
    logs = distance(parts)
    assert logs.mean() == pytest.approx(0, abs=1e-9)
    assert logs.std() == pytest.approx(1)
    far = [part * 100 for part in parts]
    assert (distance(far) > logs + np.log(50) / distance.deviation)[20:].mean() > 0.95


def test_samples_that_are_all_alike_have_a_distance():
    parts = [np.ones((5, 3))]
    assert np.isfinite(LogDistance(0.25).fit(parts)(parts)).all()
    assert LogDistance(0.0).fit(parts).deviation == 1.0
