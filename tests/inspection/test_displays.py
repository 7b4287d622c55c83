"""Displays draw what they are given, on given axes or in a new figure, and refuse what they cannot draw."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from sklearn_ann import AutoEncoderTransformer, CNNClassifier, EntityEmbeddingTransformer
from sklearn_ann.inspection import (
    EmbeddingMapDisplay,
    FeatureMapDisplay,
    GraphDisplay,
    LatentSpaceDisplay,
    MotifDisplay,
    ReconstructionDisplay,
    TrainingCurveDisplay,
)

QUICK = {"max_epochs": 2, "learning_rate_schedule": "cosine", "random_state": 0}


@pytest.fixture(autouse=True)
def pyplot():
    mpl.use("Agg")
    from matplotlib import pyplot

    yield pyplot
    pyplot.close("all")


@pytest.fixture
def ax(pyplot):
    return pyplot.subplots()[1]


def test_training_curve_has_a_line_for_each_loss_and_marks_the_best_epoch(digits, ax):
    X, _ = digits
    model = AutoEncoderTransformer(**QUICK).fit(X[:200], X_val=X[200:])
    display = TrainingCurveDisplay.from_estimator(model, ax=ax)
    assert display.ax_ is ax
    np.testing.assert_allclose(display.lines_[1].get_ydata(), model.history_["validation_loss"])
    assert ax.lines[-1].get_xdata()[0] == model.best_epoch_
    plain = TrainingCurveDisplay.from_estimator(AutoEncoderTransformer(**QUICK).fit(X))
    assert len(plain.lines_) == 1
    assert plain.ax_.get_legend() is None


@pytest.mark.parametrize("width", [1, 2, 5])
def test_latent_space_is_a_plane_with_pandas_labels(width):
    codes = np.random.default_rng(0).normal(size=(30, width))
    y = pd.Series(["a", "b", "c"] * 10, name="kind", index=range(5, 35))
    display = LatentSpaceDisplay(codes, y=y).plot()
    legend = display.ax_.get_legend()
    assert legend.get_title().get_text() == "kind"
    assert [len(points.get_offsets()) for points in display.ax_.collections] == [10, 10, 10]
    if width == 2:
        np.testing.assert_allclose(display.ax_.collections[1].get_offsets(), codes[y == "b"])


def test_latent_space_colours_numbers_by_a_scale(ax):
    y = np.linspace(0, 1, 30)
    display = LatentSpaceDisplay(np.c_[y, y], y=y).plot(ax)
    np.testing.assert_allclose(display.ax_.collections[0].get_array(), y)
    assert len(display.figure_.axes) == 2  # the scale


def test_latent_space_refuses_other_numbers_of_labels():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        LatentSpaceDisplay(np.zeros((3, 2)), y=[0, 1]).plot()


def test_embedding_map_names_categories():
    table = pd.DataFrame({"city": ["Bonn", "Oslo", "Rome"] * 20, "size": np.arange(60.0)})
    model = EntityEmbeddingTransformer(**QUICK).fit(table, np.arange(60) % 3)
    display = EmbeddingMapDisplay.from_estimator(model)
    assert [text.get_text() for text in display.ax_.texts] == ["Bonn", "Oslo", "Rome"]
    with pytest.raises(ValueError, match="column=1, but there are 1"):
        EmbeddingMapDisplay.from_estimator(model, column=1)


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


def test_motifs_are_as_high_as_their_information(ax):
    display = MotifDisplay([[[1, 0, 0, 0], [0.5, 0.5, 0, 0], [0.25] * 4]]).plot(ax)
    heights = [patch.get_path().get_extents().y1 for patch in display.axes_[0].patches]
    np.testing.assert_allclose([max(heights[:4]), max(heights[4:8]), max(heights[8:])], [2, 1, 0], atol=1e-6)
    with pytest.raises(ValueError, match="not probabilities"):
        MotifDisplay([[[1, 1, 0, 0]]]).plot()
    with pytest.raises(ValueError, match=r"expected \(width, 4\)"):
        MotifDisplay([np.full((3, 20), 0.05)]).plot()
    with pytest.raises(ValueError, match="expected one for each of"):
        MotifDisplay(np.full((2, 3, 4), 0.25)).plot(ax)


def test_motifs_of_an_estimator_have_its_letters():
    strings, y = ["MKVLAW" * 3, "GGHHEE" * 3] * 10, [0, 1] * 10
    model = CNNClassifier(alphabet="protein", conv_layers=[(10, 3)], **QUICK).fit(strings, y)
    display = MotifDisplay.from_estimator(model)
    assert len(display.letters) == 20
    assert len(display.axes_) == 8
    with pytest.raises(ValueError, match=r"filters=\[10\]"):
        MotifDisplay.from_estimator(model, filters=[10])


def test_graph_draws_every_edge_once(ax):
    A = sp.csr_array(np.array([[0, 2, 0, 0], [2, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]))
    display = GraphDisplay.from_graph((None, A), names="abcd", ax=ax)
    assert [line.get_linewidth() for line in ax.lines] == [3, 1.5]
    np.testing.assert_allclose(ax.collections[0].get_array(), [2, 3, 0, 0])
    assert len(display.ax_.texts) == 4
    with pytest.raises(ValueError, match="values has 2 entries, but there are 4 nodes"):
        GraphDisplay(A, values=[1, 2]).plot()
