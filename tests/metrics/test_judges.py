import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ann.metrics.judges import boosting, of_codes, one_hot, seeded
from sklearn_ann.metrics.tables import Layout, Rows

LAYOUT = Layout(categorical=[1], numeric=[0], n_codes=[4], names=[], phrases=["column 0"])
ROWS = {
    "one": Rows(np.array([[2], [2], [3]]), np.array([[0.5], [np.nan], [1.0]])),
    "two": Rows(np.array([[2], [0], [0]]), np.array([[0.0], [0.0], [0.0]])),
}


def test_codes_go_by_frequency_in_all_tables():
    matrices = of_codes(LAYOUT, ROWS)
    np.testing.assert_array_equal(matrices["one"], [[0, 0.5], [0, np.nan], [np.nan, 1]])
    np.testing.assert_array_equal(matrices["two"], [[0, 0], [1, 0], [1, 0]])


def test_a_column_for_each_category_and_for_missing():
    np.testing.assert_array_equal(
        one_hot(LAYOUT, ROWS)["one"], [[0, 0, 1, 0, 0.5], [0, 0, 1, 0, np.nan], [0, 0, 0, 1, 1]]
    )


def test_boosted_trees_read_a_thousand_categories():
    rng = np.random.RandomState(0)
    codes = np.r_[np.arange(1000), np.zeros(500, dtype=int)]
    layout = LAYOUT._replace(n_codes=[1001])
    matrix = of_codes(layout, {"one": Rows(codes[:, None], np.zeros((1500, 1)))})["one"]
    assert matrix[:, 0].max() == 254
    y = codes == 0
    assert boosting("classifier", layout, 1500, rng).fit(matrix, y).score(matrix, y) == 1


def test_few_rows_can_be_split():
    layout = LAYOUT._replace(categorical=[], n_codes=[])
    X = np.arange(12.0)[:, None]
    model = boosting("classifier", layout, 12, np.random.RandomState(0)).fit(X, X[:, 0] > 5)
    assert model.score(X, X[:, 0] > 5) == 1


def test_open_seeds_are_drawn_and_others_kept():
    pipeline = make_pipeline(StandardScaler(), RandomForestClassifier())
    one, two = (seeded(pipeline, np.random.RandomState(0)).get_params() for _ in range(2))
    name = "randomforestclassifier__random_state"
    assert one[name] == two[name] is not None
    assert pipeline.get_params()[name] is None
    assert seeded(RandomForestClassifier(random_state=7), np.random.RandomState(0)).random_state == 7
