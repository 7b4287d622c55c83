"""The training curve is the history of an estimator."""

import matplotlib as mpl
import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ann import AutoEncoderTransformer
from sklearn_ann.inspection import TrainingCurveDisplay

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


def test_losses_of_any_origin_start_at_epoch_one(pyplot):
    display = TrainingCurveDisplay([3.0, 2.0, 1.5], validation_loss=[4.0, 3.0, 3.5], best_epoch=2).plot()
    assert [list(line.get_xdata()) for line in display.lines_] == [[1, 2, 3], [1, 2, 3]]
    assert [line.get_label() for line in display.lines_] == ["training", "validation"]
    legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert legend == ["training", "validation", "best epoch"]
    assert display.figure_ is display.ax_.figure
    assert len(pyplot.get_fignums()) == 1


def test_an_estimator_that_is_not_fitted_is_refused():
    with pytest.raises(NotFittedError):
        TrainingCurveDisplay.from_estimator(AutoEncoderTransformer())


def test_pipelines_and_searches_show_their_network(digits):
    X, _ = digits
    pipe = make_pipeline(StandardScaler(), AutoEncoderTransformer(**QUICK)).fit(X)
    assert len(TrainingCurveDisplay.from_estimator(pipe).loss) == 2
    search = GridSearchCV(pipe, {"autoencodertransformer__n_components": [2]}, cv=2, scoring=lambda *_: 0.0).fit(X)
    assert len(TrainingCurveDisplay.from_estimator(search).loss) == 2
    with pytest.raises(TypeError, match="StandardScaler has no history_"):
        TrainingCurveDisplay.from_estimator(make_pipeline(StandardScaler()).fit(X))


@pytest.mark.parametrize("losses", [None, [], "x", 3, [[1.0]], [1, "a"]])
def test_a_curve_is_a_list_of_numbers(losses):
    with pytest.raises(ValueError, match=r"^loss is .*expected a list of numbers"):
        TrainingCurveDisplay(losses)
    if losses is not None:
        with pytest.raises(ValueError, match="validation_loss is "):
            TrainingCurveDisplay([1.0], validation_loss=losses)
