"""Outliers: that they are found where an auto-encoder's error alone is blind, and the signs scikit-learn gives them."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from anndata import AnnData
from sklearn.covariance import LedoitWolf
from sklearn.metrics import roc_auc_score

from sklearn_ann import AutoEncoderOutlierDetector
from sklearn_ann.autoencoder.outliers import concentrated_covariance


def samples(n=400, n_outliers=40, seed=0):
    """Ten features from two hidden ones, and outliers that do not keep to them."""
    rng = np.random.default_rng(seed)
    loadings = rng.normal(size=(2, 10))
    X = rng.normal(size=(n, 2)) @ loadings + rng.normal(0, 0.1, size=(n, 10))
    outliers = rng.normal(size=(n_outliers, 10)) * X.std(axis=0)
    y = np.r_[np.zeros(n), np.ones(n_outliers)]
    order = rng.permutation(len(y))
    return np.r_[X, outliers][order], y[order]


@pytest.mark.parametrize("score_on", ["both", "reconstruction"])
@pytest.mark.parametrize("seed", [0, 1])
def test_samples_that_break_with_the_others_are_found(score_on, seed):
    X, y = samples(seed=seed)
    detector = AutoEncoderOutlierDetector(score_on=score_on, random_state=seed).fit(X)
    assert roc_auc_score(y, -detector.score_samples(X)) > 0.97


def test_samples_far_out_along_the_others_are_found_by_their_code():
    """They are rebuilt as well as all: the error of a linear auto-encoder is blind to them."""
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(440, 2))
    hidden[400:] *= 4 / np.linalg.norm(hidden[400:], axis=1, keepdims=True)
    X = hidden @ rng.normal(size=(2, 10)) + rng.normal(0, 0.1, size=(440, 10))
    y = np.arange(440) >= 400
    settings = {"n_components": 2, "hidden_layer_sizes": (), "max_epochs": 100, "random_state": 0}
    areas = {
        score_on: roc_auc_score(
            y, -AutoEncoderOutlierDetector(score_on=score_on, **settings).fit(X[:400]).score_samples(X)
        )
        for score_on in ("latent", "both", "reconstruction")
    }
    assert areas["latent"] > 0.97
    assert areas["both"] > areas["reconstruction"] + 0.1


def test_outliers_in_the_training_data_do_not_hide_others():
    """A fifth of the training data is far out; what is told apart afterwards is not as far."""
    X, y = samples(n_outliers=100)
    X_far = np.where(y[:, None] == 1, 5 * X, X)
    trimmed, plain = (
        roc_auc_score(y, -AutoEncoderOutlierDetector(trimming=share, random_state=0).fit(X_far).score_samples(X))
        for share in (0.25, 0.0)
    )
    assert trimmed > 0.98
    assert plain < trimmed - 0.1


def test_signs_offset_and_contamination():
    X, y = samples()
    detector = AutoEncoderOutlierDetector(contamination=0.1, random_state=0)
    labels = detector.fit_predict(X)
    assert set(labels) == {-1, 1}
    assert np.mean(labels == -1) == pytest.approx(0.1, abs=0.005)
    scores = detector.score_samples(X)
    np.testing.assert_allclose(detector.decision_function(X), scores - detector.offset_)
    np.testing.assert_array_equal(labels == -1, scores < detector.offset_)
    automatic = AutoEncoderOutlierDetector(random_state=0).fit(X)
    np.testing.assert_allclose(automatic.score_samples(X), scores)
    lower, upper = np.quantile(-scores, [0.25, 0.75])
    assert automatic.offset_ == pytest.approx(-(upper + 1.5 * (upper - lower)))
    found = automatic.predict(X) == -1
    assert found[y == 1].mean() > 0.9
    assert found[y == 0].mean() < 0.15


def test_the_distance_is_mahalanobis_of_code_and_residual():
    X, _ = samples()
    detector = AutoEncoderOutlierDetector(precision="float64", random_state=0).fit(X)
    code = detector.transform(X)
    scaled = (X - X.mean(axis=0)) / X.std(axis=0)
    with torch.no_grad():
        rebuilt = detector.module_.reconstruct(torch.from_numpy(scaled)).numpy()
    described = np.c_[code, scaled - rebuilt]
    centred = described - detector.covariance_.location_
    expected = np.sqrt(np.einsum("ij,jk,ik->i", centred, np.linalg.inv(detector.covariance_.covariance_), centred))
    np.testing.assert_allclose(-detector.score_samples(X), expected)


def test_concentration_ends_where_the_nearest_samples_have_the_mean_and_covariance_that_make_them_nearest():
    X, _ = samples(n=200, n_outliers=30)
    estimate = concentrated_covariance(X, 0.25)
    distances = estimate.mahalanobis(X)
    again = LedoitWolf().fit(X[distances <= np.quantile(distances, 0.75)])
    np.testing.assert_allclose(again.covariance_, estimate.covariance_)
    np.testing.assert_array_equal(concentrated_covariance(X, 0.0).covariance_, LedoitWolf().fit(X).covariance_)


def test_units_do_not_matter():
    X, _ = samples()
    scales = 10.0 ** np.arange(-5, 5)
    one, two = (
        AutoEncoderOutlierDetector(precision="float64", random_state=0).fit(Z).score_samples(Z)
        for Z in (X, X * scales + 3 * scales)
    )
    np.testing.assert_allclose(one, two, rtol=1e-6)


def test_constant_columns_and_more_features_than_samples():
    X, _ = samples(n=20, n_outliers=2)
    X = np.c_[X, np.ones((len(X), 30))]
    scores = AutoEncoderOutlierDetector(random_state=0).fit(X).score_samples(X)
    assert np.isfinite(scores).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"contamination": 0}, "contamination"),
        ({"contamination": 0.6}, "contamination"),
        ({"trimming": 1}, "trimming"),
        ({"score_on": "error"}, "score_on"),
        ({"n_components": 0}, "n_components"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=f"The '{message}' parameter"):
        AutoEncoderOutlierDetector(**settings).fit(samples()[0])


def test_sparse_matrices_are_refused():
    with pytest.raises(TypeError, match="Sparse data was passed"):
        AutoEncoderOutlierDetector().fit(sp.csr_array(np.eye(5)))


@pytest.mark.filterwarnings("ignore:The 'mode.chained_assignment' option")  # of anndata, in views
def test_genes_of_annotated_data_are_found_by_name():
    X, _ = samples()
    settings = {"max_epochs": 2, "random_state": 0}
    expected = AutoEncoderOutlierDetector(**settings).fit(X).score_samples(X)
    adata = AnnData(sp.csr_matrix(X), var=pd.DataFrame(index=list("abcdefghij")))
    detector = AutoEncoderOutlierDetector(**settings).fit(adata)
    assert detector.feature_names_in_.tolist() == list("abcdefghij")
    for same in (adata, adata[:, ::-1].copy(), adata.to_df()):
        np.testing.assert_array_equal(detector.score_samples(same), expected)


def test_values_too_large_to_compute_with_are_named():
    X, _ = samples()
    detector = AutoEncoderOutlierDetector(max_epochs=2, random_state=0).fit(X)
    far = X.copy()
    far[7, 3] = 1e300
    with pytest.raises(ValueError, match=r"sample 7 of X has the value .* in column 3, .* too far to compute with"):
        detector.predict(far)
    with pytest.raises(ValueError, match="column 3 of X has values too large to standardise"):
        detector.fit(far)
    far[7, 3] = 1e9
    assert detector.predict(far)[7] == -1
    assert np.isfinite(detector.score_samples(far)).all()
