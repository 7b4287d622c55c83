"""AutoEncoderTransformer: what it learns, and its formulas."""

import time

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from anndata import AnnData
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from sklearn_ann import AutoEncoderTransformer, TabularClassifier

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


@pytest.mark.parametrize("precision", ["float32", "float64", "bfloat16"])
def test_scores_of_any_precision_are_near_the_formula(digits, precision):
    X, _ = digits
    model = AutoEncoderTransformer(n_components=4, precision=precision, max_epochs=5, random_state=0).fit(X)
    scores, rebuilt = model.score_samples(X), model.inverse_transform(model.transform(X))
    assert scores.dtype == rebuilt.dtype == (np.float64 if precision == "float64" else np.float32)
    tolerance = 0.05 if precision == "bfloat16" else 1e-4
    np.testing.assert_allclose(scores, -np.square(X - rebuilt).sum(axis=1), rtol=tolerance)


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


# --- Noise, penalties, convolutions ----------------------------------------------------------------------------------


def digits_and_noise():
    X = load_digits().data[:900] / 16
    noisy = X + np.random.default_rng(0).normal(0, 0.3, X.shape)
    return X, noisy


def mean_error(rebuilt, X):
    return np.square(rebuilt - X).sum(axis=1).mean()


def test_denoising_beats_pca_and_the_network_that_saw_no_noise():
    X, noisy = digits_and_noise()
    settings = {"n_components": 16, "random_state": 0, "max_epochs": 60}
    denoiser = AutoEncoderTransformer(noise=0.3, **settings).fit(X[:700])
    plain = AutoEncoderTransformer(**settings).fit(X[:700])
    error = mean_error(denoiser.reconstruct(noisy[700:]), X[700:])
    assert error < mean_error(plain.reconstruct(noisy[700:]), X[700:])
    assert error < 0.5 * mean_error(noisy[700:], X[700:])
    pca = PCA(16).fit(X[:700])
    assert error < mean_error(pca.inverse_transform(pca.transform(noisy[700:])), X[700:])


def test_masking_learns_to_fill_in():
    X, _ = digits_and_noise()
    settings = {"n_components": 16, "random_state": 0, "max_epochs": 60}
    masked = np.where(np.random.default_rng(0).uniform(size=X.shape) < 0.3, 0, X)
    errors = {
        noise: mean_error(
            AutoEncoderTransformer(noise=noise, noise_type="masking", **settings)
            .fit(X[:700])
            .reconstruct(masked[700:]),
            X[700:],
        )
        for noise in (0.0, 0.3)
    }
    assert errors[0.3] < 0.8 * errors[0.0]


def test_salt_and_pepper_are_the_ends_of_a_feature_in_sparse_data_too():
    X = np.array([[0.0, 2.0, 5.0], [0.0, -3.0, 7.0]])
    for data in (X, sp.csr_array(X)):
        model = AutoEncoderTransformer(noise=0.1, noise_type="salt_and_pepper", **QUICK).fit(data)
        low, high = ([0, -3, 5], [0, 2, 7]) if data is X else ([0, -3, 0], [0, 2, 7])
        assert model.module_.corruption.lowest.tolist() == low
        assert model.module_.corruption.highest.tolist() == high


def test_sparse_codes_have_zeros_that_are_exact_and_more_with_a_greater_penalty():
    X, _ = digits_and_noise()
    shares = [
        (AutoEncoderTransformer(n_components=32, sparsity=sparsity, **QUICK).fit(X).transform(X) == 0).mean()
        for sparsity in (0.01, 0.5)
    ]
    assert shares[0] < shares[1] < 1
    assert shares[1] > 0.5
    assert (AutoEncoderTransformer(n_components=32, **QUICK).fit(X).transform(X) != 0).all()


@pytest.mark.parametrize("architecture", ["dense", "conv"])
def test_the_contractive_penalty_is_the_encoders_jacobian(architecture):
    X, _ = digits_and_noise()
    settings = {"architecture": architecture, "image_shape": (8, 8), "precision": "float64", "max_epochs": 2}
    model = AutoEncoderTransformer(contraction=0.3, n_components=3, random_state=0, **settings).fit(X[:100])
    x = torch.as_tensor(X[:4])
    result = model.module_.eval()(x)
    expected = [0.3 * torch.autograd.functional.jacobian(model.encoder_, row[None]).square().sum().item() for row in x]
    np.testing.assert_allclose(result.penalty.detach(), expected, rtol=1e-10)


def test_contraction_makes_codes_move_less():
    X, noisy = digits_and_noise()
    moves = []
    for contraction in (0.0, 1.0):
        model = AutoEncoderTransformer(n_components=8, contraction=contraction, **QUICK).fit(X)
        moves.append(np.linalg.norm(model.transform(noisy) - model.transform(X), axis=1).mean())
    assert moves[1] < 0.7 * moves[0]


def test_convolutions_rebuild_images_better_than_dense_layers_of_as_many_weights():
    """Bars at any place: what filters share, dense layers learn for each place anew."""
    rng = np.random.default_rng(0)
    X = np.zeros((600, 16, 16))
    for image, (row, column) in zip(X, rng.integers(0, 10, size=(600, 2)), strict=True):
        image[row : row + 6, column : column + 2] = 1
    settings = {"n_components": 4, "max_epochs": 40, "learning_rate_schedule": "cosine", "random_state": 0}
    conv = AutoEncoderTransformer(
        architecture="conv",
        image_shape=(16, 16),
        conv_layers=((8, 3, 2), (16, 3, 2)),
        hidden_layer_sizes=(),
        **settings,
    )
    dense = AutoEncoderTransformer(image_shape=(16, 16), hidden_layer_sizes=(8,), **settings)
    scores = [model.fit(X[:500]).score(X[500:]) for model in (conv, dense)]
    assert scores[0] > scores[1]
    assert conv.reconstruct(X[:3]).shape == (3, 16, 16)
    assert conv.transform(X[:3]).shape == (3, 4)


@pytest.mark.parametrize("shape", [(7, 5), (9, 6, 3), (1, 4), (2, 2)])
def test_images_of_odd_sizes_come_back_in_their_shape(shape):
    X = np.random.default_rng(0).uniform(size=(20, *shape))
    model = AutoEncoderTransformer(architecture="conv", image_shape=shape, **QUICK).fit(X)
    assert model.reconstruct(X).shape == X.shape
    flat = X.reshape(len(X), -1)
    np.testing.assert_array_equal(model.reconstruct(flat), model.reconstruct(X).reshape(flat.shape))
    assert model.inverse_transform(model.transform(X)).shape == flat.shape


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"architecture": "conv"}, "architecture='conv' needs image_shape"),
        ({"architecture": "conv", "image_shape": (8, 7)}, r"image_shape=\(8, 7\) does not fit X of 64 features"),
        ({"architecture": "conv", "image_shape": (8, 8), "tied_weights": True}, "tied_weights=True needs"),
        ({"architecture": "conv", "image_shape": (8, 8), "conv_layers": ((8, 0),)}, "conv_layers="),
        ({"noise": 1.5, "noise_type": "masking"}, r"noise=1.5: expected a share in \[0, 1\] with noise_type='masking'"),
        ({"noise": -1}, "'noise' parameter"),
        ({"sparsity": -1}, "'sparsity' parameter"),
        ({"contraction": -1}, "'contraction' parameter"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, message):
    X, _ = digits_and_noise()
    with pytest.raises(ValueError, match=message):
        AutoEncoderTransformer(**settings, **QUICK).fit(X)


def test_images_of_another_shape_are_refused():
    model = AutoEncoderTransformer(architecture="conv", image_shape=(4, 6), **QUICK).fit(np.ones((10, 4, 6)))
    with pytest.raises(ValueError, match=r"X holds images of shape \(6, 4\), but image_shape=\(4, 6\)"):
        model.transform(np.ones((2, 6, 4)))


# --- Names, and what is read ------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:The 'mode.chained_assignment' option")  # of anndata, in views
def test_genes_of_annotated_data_are_found_by_name_and_at_once():
    X = np.random.default_rng(0).normal(size=(200, 50)).astype(np.float32)
    adata = AnnData(X, var=pd.DataFrame(index=[f"gene {i}" for i in range(50)]))
    settings = {"max_epochs": 1, "learning_rate_schedule": "cosine", "random_state": 0}
    start = time.perf_counter()
    model = AutoEncoderTransformer(**settings).fit(adata)
    assert time.perf_counter() - start < 1  # it took 101 s, and then failed
    assert model.feature_names_in_.tolist() == list(adata.var_names)
    expected = AutoEncoderTransformer(**settings).fit(X)
    turned = adata[:, ::-1].copy()
    np.testing.assert_array_equal(model.transform(turned), expected.transform(X))
    np.testing.assert_array_equal(model.reconstruct(turned), expected.reconstruct(X))
    np.testing.assert_array_equal(model.score_samples(turned), expected.score_samples(X))
    with pytest.raises(ValueError, match="yet now missing:\n- gene 49"):
        model.transform(adata[:, :49])
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        model.transform(X)


def test_what_cannot_be_read_is_refused_at_once_and_by_name(digits):
    X = digits[0][:40]
    frame = pd.DataFrame(X).add_prefix("pixel")
    start = time.perf_counter()
    for bad, message in [
        (frame.assign(pixel3="u"), "'u' in sample 0, column 'pixel3'"),
        (frame.assign(pixel3=pd.Timestamp(0)), "column 'pixel3' is of datetime64"),
        (frame.rename(columns={"pixel3": "pixel2"}), "more than one column 'pixel2'"),
        (dict(frame), r"X is a dict, .*pandas.DataFrame"),
        (X + 1j, "Complex data not supported"),
        (X.reshape(40, 8, 8), "dim 3"),
        ([[1.0, 2.0], [1.0]], "sample 1 of X has 1 values, but sample 0 has 2"),
    ]:
        with pytest.raises((ValueError, TypeError), match=message):
            AutoEncoderTransformer(**QUICK).fit(bad)
    assert time.perf_counter() - start < 1


def test_a_denoising_start_gains_no_more_than_the_defaults_of_the_classifier_have():
    X, y = load_digits(return_X_y=True)
    X /= 16
    shape = {"n_components": 32, "hidden_layer_sizes": (64,), "random_state": 1}
    source = AutoEncoderTransformer(noise=0.3, noise_type="masking", max_epochs=50, **shape).fit(X)
    drawn = AutoEncoderTransformer(max_epochs=1, learning_rate=1e-9, **shape).fit(X)  # the same network from scratch
    few = np.random.default_rng(1).permutation(len(X))[:100]
    rest = np.setdiff1d(np.arange(len(X)), few)

    def accuracy(source=None, **settings):
        begin = {} if source is None else {"init_from": FrozenEstimator(source)}
        model = TabularClassifier(random_state=1, **begin, **settings).fit(X[few], y[few])
        return model.score(X[rest], y[rest])

    begun = accuracy(source)
    assert begun > accuracy(drawn) - 0.005
    assert abs(begun - accuracy()) < 0.04
    assert begun > accuracy(source, freeze="body") + 0.05
