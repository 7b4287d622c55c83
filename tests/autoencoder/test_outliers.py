"""Outliers: that they are found where an auto-encoder's error alone is blind, and the signs scikit-learn gives them."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from anndata import AnnData
from sklearn.metrics import roc_auc_score

from sklearn_ann import AutoEncoderOutlierDetector
from sklearn_ann.autoencoder.outliers import trimmed_error, trimming_of_codes


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
    assert plain < trimmed - 0.05


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


def test_the_distance_is_a_power_mean_of_mahalanobis_distances():
    X, _ = samples()
    detector = AutoEncoderOutlierDetector(precision="float64", n_estimators=2, random_state=0).fit(X)
    module = detector.module_
    read = detector.module_input(X)
    np.testing.assert_allclose(read[:, :10], (X - X.mean(axis=0)) / X.std(axis=0), atol=1e-12)
    with torch.no_grad():
        inputs = module.read(read)
        codes = module.encoder(inputs)
        residuals = inputs - module.decoder(codes)
    described = {"quantiles": codes[:2], "values": residuals[2:3], "compressed": residuals[3:]}
    standardised, deviations = [], []
    for view, members in described.items():
        logs = []
        for u, estimate in zip(members.numpy(), detector.distances_[view].covariances, strict=True):
            centred = u - estimate.location
            squares = np.einsum("ij,jk,ik->i", centred, np.linalg.inv(estimate.covariance), centred)
            logs.append(np.log(np.sqrt(squares)))
        mean = np.mean(logs, axis=0)
        standardised.append((mean - mean.mean()) / mean.std())
        deviations.append(mean.std())
    expected = np.exp(standardised).mean(axis=0) ** np.mean(deviations)
    np.testing.assert_allclose(-detector.score_samples(X), expected)
    np.testing.assert_allclose(detector.transform(X), codes[0])


def test_each_member_leaves_its_own_worst_samples_out():
    residual = torch.zeros(2, 8, 1)
    residual[0, 3], residual[1, 5] = 10.0, 10.0
    residual[:, 0] = 1.0
    expected = torch.zeros(8)
    expected[0] = 8 / 7
    torch.testing.assert_close(trimmed_error(0.1, residual, torch.zeros(8, 1)), expected)
    assert float(trimmed_error(0.0, residual, torch.zeros(8, 1)).sum()) == 101.0
    assert [trimming_of_codes(share) for share in (0.0, 0.2, 0.25, 0.4, 0.6)] == [0.0, 0.4, 0.5, 0.5, 0.6]


def test_seeds_agree_better_the_more_auto_encoders_there_are():
    X, _ = samples()
    agreement = []
    for n_estimators in (1, 8):
        ranks = [
            AutoEncoderOutlierDetector(n_estimators=n_estimators, random_state=seed).fit(X).score_samples(X)
            for seed in range(3)
        ]
        agreement.append(np.corrcoef(np.argsort(np.argsort(ranks, axis=1), axis=1))[np.triu_indices(3, 1)].mean())
    assert agreement[1] > agreement[0]
    assert agreement[1] > 0.9


def test_many_features_are_scored_in_few_columns():
    rng = np.random.default_rng(0)
    hidden, noise = rng.normal(size=(300, 2)), rng.normal(0, 0.3, size=(300, 300))
    X = hidden @ rng.normal(size=(2, 300)) + noise
    X[:30] = rng.permuted(X[:30], axis=1)
    detector = AutoEncoderOutlierDetector(random_state=0).fit(X)
    assert {part.location.size for part in detector.distances_["values"].covariances} == {64}
    assert roc_auc_score(np.arange(300) < 30, -detector.score_samples(X)) > 0.95


def test_batches_by_auto_and_by_number():
    X, _ = samples(n=2000, n_outliers=0)
    sizes = [
        AutoEncoderOutlierDetector(max_epochs=1, random_state=0, **given).fit(X[:n]).resolved_parameters_.batch_size
        for n, given in ((50, {}), (2000, {}), (2000, {"batch_size": 7}), (50, {"batch_size": None}))
    ]
    assert sizes == [32, 100, 7, None]


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


def test_samples_unlike_many_equal_ones_are_outliers():
    X = np.random.default_rng(0).normal(size=(200, 20))
    X[:160] = X[0]
    assert AutoEncoderOutlierDetector(random_state=0).fit_predict(X).tolist() == [1] * 160 + [-1] * 40


def test_one_sample_has_no_covariance():
    X = np.random.default_rng(0).normal(size=(50, 3))
    detector = AutoEncoderOutlierDetector(random_state=0).partial_fit(X)
    before = detector.score_samples(X)
    with pytest.raises(ValueError, match="need 2 at least"):
        detector.partial_fit(X[:1])
    np.testing.assert_array_equal(detector.score_samples(X), before)
