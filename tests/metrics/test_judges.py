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
    np.testing.assert_array_equal(matrices["one"], [[0, 0.5], [0, np.nan], [2, 1]])
    np.testing.assert_array_equal(matrices["two"], [[0, 0], [1, 0], [1, 0]])


def test_a_column_for_each_category_and_for_missing():
    np.testing.assert_array_equal(
        one_hot(LAYOUT, ROWS)["one"], [[0, 0, 1, 0, 0.5], [0, 0, 1, 0, np.nan], [0, 0, 0, 1, 1]]
    )


def test_boosted_trees_read_a_thousand_categories():
    rng = np.random.RandomState(0)
    codes = np.r_[np.arange(1000), np.zeros(500, dtype=int)]
    layout, rows = LAYOUT._replace(n_codes=[1001]), {"one": Rows(codes[:, None], np.zeros((1500, 1)))}
    model, matrices = boosting("classifier", layout, rows, 1500, rng)
    X, y = matrices["one"], codes == 0
    assert X.max() == 254
    assert model.fit(X, y).score(X, y) == 1


def test_few_rows_can_be_split():
    rng = np.random.RandomState(0)
    numbers = Rows(np.zeros((12, 0), dtype=int), np.arange(12.0)[:, None])
    model, matrices = boosting("classifier", LAYOUT._replace(categorical=[], n_codes=[]), {"one": numbers}, 12, rng)
    y = np.arange(12) > 5
    assert model.fit(matrices["one"], y).score(matrices["one"], y) == 1
    categories = Rows(np.arange(40)[:, None] % 8, np.zeros((40, 1)))
    model, matrices = boosting("classifier", LAYOUT._replace(n_codes=[9]), {"one": categories}, 40, rng)
    y = categories.codes[:, 0] == 3
    assert model.fit(matrices["one"], y).score(matrices["one"], y) == 1


def test_open_seeds_are_drawn_and_others_kept():
    pipeline = make_pipeline(StandardScaler(), RandomForestClassifier())
    one, two = (seeded(pipeline, np.random.RandomState(0)).get_params() for _ in range(2))
    name = "randomforestclassifier__random_state"
    assert one[name] == two[name] is not None
    assert pipeline.get_params()[name] is None
    assert seeded(RandomForestClassifier(random_state=7), np.random.RandomState(0)).random_state == 7
