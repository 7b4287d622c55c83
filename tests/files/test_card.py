"""Model cards."""

import math

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ann import TabularClassifier, model_card
from sklearn_ann.files.card import sparkline

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, Y = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "a|b", "<script>"])[Y]


def network():
    return TabularClassifier(max_epochs=4, n_members=2, hidden_layer_sizes=3, random_state=0)


def test_a_card_tells_data_training_scores_and_versions():
    model = network().fit(X, NAMES)
    card = model_card(model, scores={"accuracy": 0.91234, "folds": [0.9, 1.0], "note": "on 30 flowers"})
    n_weights = sum(parameter.numel() for parameter in model.module_.parameters())
    for line in (
        "# TabularClassifier",
        "| features | 4 |",
        r"| 3 classes | &lt;script>, a\|b, setosa |",
        "| accuracy | 0.912 |",
        "| folds | 0.95 ± 0.05 (2 values) |",
        "| note | on 30 flowers |",
        "| **n_members** | 2 |",
        "| dropout | 0.1 |",
        f"| weights | {n_weights:,} (float32) |",
        f"| epochs | 4, best {model.best_epoch_} |",
    ):
        assert line in card.splitlines()
    assert f"| batch_size | 'auto' ({model.resolved_parameters_.batch_size}) |" in card
    assert sparkline(model.history_["loss"]) in card
    assert "| scikit-learn | " in card


def test_a_network_in_a_search_and_one_that_is_not_fitted():
    search = GridSearchCV(make_pipeline(StandardScaler(), network()), {"tabularclassifier__dropout": [0.0]}, cv=2)
    card = model_card(search.fit(X, Y))
    assert "## best_estimator_.steps[1][tabularclassifier]: TabularClassifier" in card.splitlines()
    assert card.count("### Training") == 1
    assert "Training" not in model_card(network())
    with pytest.raises(TypeError, match="model must be an estimator, got dict"):
        model_card({})


def test_sparklines():
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert sparkline([1, math.nan, 0]) == "█ ▁"
    assert sparkline([2, 2]) == "▁▁"
    assert sparkline([math.nan]) == " "
    assert len(sparkline(range(1000))) == 40


@pytest.mark.parametrize("value", [None, [], {"a": 1}, [[1], [2, 3]], 1j, np.datetime64("2020"), object()], ids=str)
def test_a_score_that_is_no_number_is_named(value):
    with pytest.raises(TypeError, match=r"scores\['accuracy'\]=.*: expected a number"):
        model_card(StandardScaler(), {"accuracy": value})


def test_names_of_scores_may_be_anything_and_scores_must_have_names():
    card = model_card(StandardScaler(), {5: 0.5, "a|b": "good | bad"})
    assert "| 5 | 0.5 |" in card
    assert r"| a\|b | good \| bad |" in card
    with pytest.raises(TypeError, match="scores must be a dict of names and values, got list"):
        model_card(StandardScaler(), [0.5])
