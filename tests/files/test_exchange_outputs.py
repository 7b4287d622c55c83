"""The methods of an estimator, in torch."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris

from sklearn_ann import (
    AutoEncoderOutlierDetector,
    RNNRegressor,
    SequenceEmbeddingTransformer,
    TabularClassifier,
    TabularRegressor,
)
from sklearn_ann.files.exchange_outputs import Run, outputs_of, why_not

X, Y = load_iris(return_X_y=True)
BRIEF = {"max_epochs": 1, "random_state": 0}
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def found(model, name):
    batch = model.module_input(X)
    with torch.no_grad():
        return outputs_of(model)[name].function(Run(model.module_.eval(), batch, ())).numpy()


@pytest.mark.parametrize("n_estimators", [1, 2])
@pytest.mark.parametrize(
    "y", [Y, Y > 0, Y.astype(float), np.eye(3, dtype=int)[Y]], ids=["int", "bool", "float", "labels"]
)
def test_classes(y, n_estimators):
    model = TabularClassifier(n_estimators=n_estimators, **BRIEF).fit(X, y)
    for name in outputs_of(model):
        own = getattr(model, name)(X)
        assert found(model, name).dtype == own.dtype
        np.testing.assert_allclose(found(model, name), own, atol=1e-6)


def test_text_is_returned_by_number():
    names = np.array(["setosa", "versicolor", "virginica"])
    model = TabularClassifier(**BRIEF).fit(X, names[Y])
    assert outputs_of(model)["predict"].labels == names.tolist()
    np.testing.assert_array_equal(names[found(model, "predict")], model.predict(X))


def test_classes_that_no_tensor_holds():
    model = TabularClassifier(**BRIEF).fit(X, np.array(["2024", "2025", "2026"], dtype="datetime64[Y]")[Y])
    with pytest.raises(TypeError, match="a graph returns text, numbers or booleans"):
        outputs_of(model)


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_targets(loss):
    for y in (Y, np.column_stack([1e6 * Y, 1e-6 * Y])):
        model = TabularRegressor(loss=loss, **BRIEF).fit(X, y)
        np.testing.assert_allclose(found(model, "predict"), model.predict(X), rtol=1e-6)


def test_outliers():
    model = AutoEncoderOutlierDetector(**BRIEF).fit(X)
    np.testing.assert_allclose(found(model, "decision_function"), model.decision_function(X), rtol=1e-5)
    np.testing.assert_array_equal(found(model, "predict"), model.predict(X))


def test_why_there_is_no_graph():
    model = RNNRegressor(output="sequence", **BRIEF).fit(X, X)
    assert outputs_of(model) == {}
    assert "output='sequence'" in why_not(model)
    assert "counts the tokens" in why_not(SequenceEmbeddingTransformer())
