"""Images and feature maps are those of the estimator, under their names."""

import matplotlib as mpl
import numpy as np
import pytest

from sklearn_ann import AutoEncoderTransformer, CNNClassifier, VAESampler
from sklearn_ann.inspection import FeatureMapDisplay, ReconstructionDisplay
from sklearn_ann.inspection.images import as_images

QUICK = {"max_epochs": 2, "learning_rate_schedule": "cosine", "random_state": 0}


@pytest.fixture(autouse=True)
def pyplot():
    mpl.use("Agg")
    from matplotlib import pyplot

    yield pyplot
    pyplot.close("all")


def test_reconstruction_shows_images_side_by_side(digits):
    X, _ = digits
    model = AutoEncoderTransformer(**QUICK).fit(X)
    display = ReconstructionDisplay.from_estimator(model, X[:5], original=X[:5])
    assert [ax.get_ylabel() for ax in display.axes_] == ["original", "input", "output"]
    drawn = display.axes_[0].images[0].get_array()
    assert drawn.shape == (10, 50)
    np.testing.assert_allclose(drawn[1:9, 11:19], X[1].reshape(8, 8))
    with pytest.raises(ValueError, match=r"image_shape=\(3, 3\) does not fit rows of 64"):
        ReconstructionDisplay({"digits": X}, image_shape=(3, 3)).plot()


@pytest.mark.parametrize("name", ["in", "auto-encoder\nerror 1.03", "the digits under a long name of more than a line"])
def test_names_of_rows_are_within_the_figure(digits, name):
    display = ReconstructionDisplay({"original": digits[0], name: digits[0]}).plot()
    display.figure_.canvas.draw()
    width = display.figure_.get_size_inches()[0] * display.figure_.dpi
    assert all(ax.yaxis.label.get_window_extent().x0 >= -1 for ax in display.axes_)
    assert display.axes_[0].get_window_extent().width > 0.6 * width


@pytest.mark.parametrize("n_images", [10, 3, None])
def test_of_many_images_the_first_are_drawn_large(digits, n_images):
    X = digits[0][:40]
    model = AutoEncoderTransformer(**QUICK).fit(X)
    chosen = {} if n_images == 10 else {"n_images": n_images}
    display = ReconstructionDisplay.from_estimator(model, X, original=list(X), **chosen)
    n = n_images or 40
    assert len(display.rows["output"]) == n
    display.figure_.canvas.draw()
    for ax in display.axes_:
        assert ax.images[0].get_array().shape == (10, 10 * n)
        assert ax.get_window_extent().width / ax.figure.dpi / n > (0.6 if n_images else 0.3)  # inches of an image
        assert ax.yaxis.label.get_window_extent().x0 >= 0
        assert ax.images[0].get_clim() == (X[:n].min(), X[:n].max())
    assert ReconstructionDisplay({"digits": X}).plot(n_images=4).axes_[0].images[0].get_array().shape == (10, 40)
    with pytest.raises(ValueError, match="n_images=0: expected None or an integer of 1 or more"):
        ReconstructionDisplay.from_estimator(model, X, n_images=0)


def test_feature_maps_are_those_of_the_estimator(digits):
    X, y = digits
    model = CNNClassifier(image_shape=(8, 8), conv_layers=[(4, 3), (6, 3, 2)], **QUICK).fit(X, y)
    display = FeatureMapDisplay.from_estimator(model, X, sample=-1, layer=0, filters=[2, 0])
    np.testing.assert_allclose(display.axes_[0].images[0].get_array(), model.feature_maps(X[-1:], layer=0)[0, 2])
    assert [ax.get_title() for ax in display.axes_] == ["filter 2", "filter 0"]
    assert len(FeatureMapDisplay.from_estimator(model, X).axes_) == 6
    with pytest.raises(ValueError, match="sample=300"):
        FeatureMapDisplay.from_estimator(model, X, sample=300)
    with pytest.raises(ValueError, match=r"filters=\[4\]"):
        FeatureMapDisplay.from_estimator(model, X, layer=0, filters=[4])


def test_the_shape_of_images_is_that_of_the_fit():
    X = np.random.default_rng(0).uniform(size=(4, 15))
    model = AutoEncoderTransformer(image_shape=(3, 5), **QUICK).fit(X).set_params(image_shape=None)
    drawn = ReconstructionDisplay.from_estimator(model, X).axes_[0].images[0].get_array()
    assert drawn.shape == (5, 4 * 7)
    np.testing.assert_array_equal(drawn[1:-1, 8:13], X[1].reshape(3, 5))


def test_rows_and_images_of_one_or_several_channels_become_images():
    X = np.arange(48.0).reshape(2, 24) / 40
    np.testing.assert_array_equal(as_images(X[:, :16], None)[1], X[1, :16].reshape(4, 4))
    np.testing.assert_array_equal(as_images(X, (4, 6, 1)), X.reshape(2, 4, 6))
    np.testing.assert_array_equal(as_images(X, (2, 4, 3)), X.reshape(2, 2, 4, 3).clip(0, 1))  # colours end at 1
    with pytest.raises(ValueError, match=r"one, three or four channels were expected, got an array of shape"):
        as_images(X, (4, 3, 2))


def test_feature_maps_of_a_signal_are_curves():
    maps = np.array([[0.0, 1.0, 3.0], [2.0, 0.0, 0.5]])
    display = FeatureMapDisplay(maps).plot()
    for ax, expected in zip(display.axes_, maps, strict=True):
        np.testing.assert_array_equal(ax.lines[0].get_ydata(), expected)
    assert display.axes_[0].get_ylim() == display.axes_[1].get_ylim()  # one scale
    with pytest.raises(ValueError, match=r"maps of shape \(n_filters, length\)"):
        FeatureMapDisplay(np.zeros(3)).plot()


def test_feature_maps_share_a_colour_scale():
    display = FeatureMapDisplay(np.arange(24.0).reshape(2, 3, 4), names=["a", "b"]).plot()
    assert {ax.images[0].get_clim() for ax in display.axes_} == {(0.0, 23.0)}
    assert [ax.get_title() for ax in display.axes_] == ["a", "b"]


def test_reconstruction_under_conditions(digits):
    X, y = digits
    model = VAESampler(conditions="y", **QUICK).fit(X, y)
    display = ReconstructionDisplay.from_estimator(model, X[:5], y=y[:5])
    np.testing.assert_allclose(display.rows["output"], model.inverse_transform(model.transform(X[:5]), y[:5]))
