"""AutoEncoderTransformer: what it learns, and its formulas."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from sklearn_ann import AutoEncoderTransformer

QUICK = {"max_epochs": 30, "random_state": 0}
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def pca_error(X, q):
    pca = PCA(q).fit(X)
    return np.square(X - pca.inverse_transform(pca.transform(X))).sum(axis=1).mean()


def test_one_number_holds_a_curve_that_one_principal_component_does_not(curve):
    model = AutoEncoderTransformer(n_components=1, hidden_layer_sizes=(64, 64), random_state=0).fit(curve)
    assert -model.score(curve) < 0.1 * pca_error(curve, 1)


def test_without_hidden_layers_it_reaches_pca_and_cannot_beat_it(curve):
    centred = curve - curve.mean(axis=0)
    model = AutoEncoderTransformer(
        n_components=1, hidden_layer_sizes=(), max_epochs=500, tol=1e-4, learning_rate=1e-2, random_state=0
    ).fit(centred)
    best = pca_error(centred, 1)
    assert best * (1 - 1e-3) <= -model.score(centred) <= best * 1.02


def test_the_score_is_the_formula(digits):
    X, _ = digits
    model = AutoEncoderTransformer(n_components=4, **QUICK).fit(X)
    rebuilt = model.inverse_transform(model.transform(X))
    np.testing.assert_allclose(model.score_samples(X), -np.square(X - rebuilt).sum(axis=1), rtol=1e-4)
    assert model.score(X) == pytest.approx(model.score_samples(X).mean())
    model = AutoEncoderTransformer(n_components=4, loss="absolute_error", **QUICK).fit(X)
    rebuilt = model.inverse_transform(model.transform(X))
    np.testing.assert_allclose(model.score_samples(X), -np.abs(X - rebuilt).sum(axis=1), rtol=1e-4)


def test_binary_cross_entropy_is_the_formula_and_rebuilds_probabilities(digits):
    X = (digits[0] > 0.5).astype(np.float32)
    model = AutoEncoderTransformer(n_components=4, loss="binary_cross_entropy", precision="float64", **QUICK).fit(X)
    rebuilt = model.inverse_transform(model.transform(X))
    assert (rebuilt > 0).all()
    assert (rebuilt < 1).all()
    expected = [-log_loss(x, p, labels=[0, 1], normalize=False) for x, p in zip(X[:20], rebuilt[:20], strict=True)]
    np.testing.assert_allclose(model.score_samples(X[:20]), expected, rtol=1e-6)


def test_binary_cross_entropy_refuses_data_outside_the_unit_interval_in_fit_only(digits):
    X, _ = digits
    model = AutoEncoderTransformer(loss="binary_cross_entropy", **QUICK)
    for bad in (X - 0.5, X * 2, sp.csr_array(X * 2)):
        with pytest.raises(ValueError, match=r"loss='binary_cross_entropy' is for data in \[0, 1\], but X has values"):
            model.fit(bad)
    model.fit(X)
    assert model.transform(X * 1.1).shape == (300, 2)


def test_the_modules_are_the_methods(digits):
    X, _ = digits
    model = AutoEncoderTransformer(n_components=3, loss="binary_cross_entropy", **QUICK).fit(X)
    with torch.no_grad():
        code = model.encoder_(torch.tensor(X))
        rebuilt = model.decoder_(code)
    np.testing.assert_allclose(model.transform(X), code.numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.inverse_transform(code.numpy()), rebuilt.numpy(), rtol=1e-5, atol=1e-6)


def test_the_decoder_mirrors_the_encoder(digits):
    X, _ = digits
    model = AutoEncoderTransformer(n_components=3, hidden_layer_sizes=(20, 10), max_epochs=1).fit(X)
    shapes = [tuple(p.shape) for p in model.encoder_.parameters() if p.ndim == 2]
    assert shapes == [(20, 64), (10, 20), (3, 10)]
    assert [tuple(p.shape) for p in model.decoder_.parameters() if p.ndim == 2] == [(10, 3), (20, 10), (64, 20)]


def test_tied_weights_are_the_encoders_transposed(digits):
    X, _ = digits
    model = AutoEncoderTransformer(n_components=3, tied_weights=True, activation="identity", **QUICK).fit(X)
    state = model.module_.state_dict()
    W = [state[name].numpy() for name in state if name.endswith("weight")]
    b = [state[name].numpy() for name in state if name.startswith("decoder") and name.endswith("bias")]
    assert len(W) == 2
    code = model.transform(X)
    np.testing.assert_allclose(model.inverse_transform(code), (code @ W[1] + b[0]) @ W[0] + b[1], rtol=1e-4, atol=1e-5)
    free = AutoEncoderTransformer(n_components=3, activation="identity", **QUICK).fit(X)
    count = [sum(p.numel() for p in m.module_.parameters()) for m in (model, free)]
    assert count[1] - count[0] == 64 * 128 + 128 * 3


def test_more_components_than_features_are_allowed(curve):
    model = AutoEncoderTransformer(n_components=9, **QUICK).fit(curve)
    assert model.transform(curve).shape == (len(curve), 9)


def test_codes_of_another_width_are_refused(digits):
    X, _ = digits
    model = AutoEncoderTransformer(n_components=3, **QUICK).fit(X)
    with pytest.raises(ValueError, match="X has 4 columns, but the codes of this AutoEncoderTransformer have 3"):
        model.inverse_transform(np.zeros((5, 4)))
    with pytest.raises(ValueError, match="NaN"):
        model.inverse_transform(np.full((5, 3), np.nan))


def test_a_fitted_model_keeps_its_loss(digits):
    X, _ = digits
    model = AutoEncoderTransformer(loss="binary_cross_entropy", **QUICK).fit(X)
    expected = model.score(X)
    assert model.set_params(loss="squared_error").score(X) == expected


def test_weights_of_a_score_are_checked(digits):
    model = AutoEncoderTransformer(**QUICK).fit(digits[0])
    with pytest.raises(ValueError, match="sample_weight"):
        model.score(digits[0], sample_weight=[1.0, 2.0])


def test_the_modules_need_a_fit():
    with pytest.raises(NotFittedError):
        AutoEncoderTransformer().encoder_  # noqa: B018


def test_a_width_is_a_number_or_a_sequence(digits):
    X, _ = digits
    codes = [
        AutoEncoderTransformer(hidden_layer_sizes=sizes, **QUICK).fit(X).transform(X)
        for sizes in (16, (16,), [16], np.array([16]), np.int64(16))
    ]
    assert all(np.array_equal(codes[0], code) for code in codes)
    for bad in (0, (16, 0), (16, 2.5), "16", None, ((16,),)):
        with pytest.raises(ValueError, match="'hidden_layer_sizes' parameter"):
            AutoEncoderTransformer(hidden_layer_sizes=bad).fit(X)


def test_the_five_lines():
    X, y = load_digits(return_X_y=True)
    X, y = X[:400], y[:400]
    pipe = make_pipeline(MinMaxScaler(), AutoEncoderTransformer(random_state=0), RandomForestClassifier(random_state=0))
    search = GridSearchCV(pipe, {"autoencodertransformer__n_components": [4, 16]}, cv=3, n_jobs=2)
    search.fit(X, y)
    assert search.best_score_ > 0.8
    encoder = search.best_estimator_[:-1]
    encoder[-1].set_output(transform="pandas")
    table = encoder.transform(X)
    width = search.best_params_["autoencodertransformer__n_components"]
    assert list(table.columns) == [f"autoencodertransformer{i}" for i in range(width)]
