import numpy as np
import pandas as pd
import pytest
from scipy.stats import wasserstein_distance
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import ShuffleSplit

from sklearn_ann.metrics import marginal_distances, mode_coverage, two_sample_auc


def correlated(n, seed):
    return np.random.default_rng(seed).multivariate_normal([0, 0], [[1, 0.9], [0.9, 1]], size=n)


def table(n, seed):
    """Numbers, some missing, and categories that depend on them."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 2))
    age = np.where(rng.uniform(size=n) < 0.1, np.nan, 40 + 10 * z[:, 0])
    return pd.DataFrame(
        {"age": age, "job": pd.Categorical(np.where(z[:, 0] > 0, "old", "young")), "member": z[:, 1] > 0}
    )


def shuffled(frame):
    rng = np.random.default_rng(0)
    return pd.DataFrame({name: frame[name].array[rng.permutation(len(frame))] for name in frame})


def test_rows_of_one_distribution_are_not_told_apart():
    assert two_sample_auc(correlated(400, 1), correlated(400, 2)) == pytest.approx(0.5, abs=0.07)
    assert two_sample_auc(table(400, 1), table(400, 2)) == pytest.approx(0.5, abs=0.07)


def test_columns_that_are_shuffled_one_by_one_are_told():
    real = table(400, 0)
    assert two_sample_auc(shuffled(table(400, 1)), real) > 0.7
    assert marginal_distances(shuffled(real), real).max() == pytest.approx(0, abs=1e-12)  # but not by their marginals


def test_copies_are_not_told_and_do_not_hide_bad_samples():
    real = correlated(400, 0)
    assert two_sample_auc(real[::-1], real) == 0.5
    assert two_sample_auc(real.astype(np.float32), real, estimator=RandomForestClassifier(20)) == 0.5
    rng = np.random.default_rng(0)
    assert two_sample_auc(real[rng.integers(400, size=400)], real) == pytest.approx(0.5, abs=0.1)  # a bootstrap
    bad = rng.permuted(correlated(400, 1), axis=0)
    alone, among_copies = two_sample_auc(bad, real), two_sample_auc(np.r_[bad[:200], real[:200]], real)
    assert among_copies == pytest.approx((alone + 0.5) / 2, abs=0.07)


def test_a_few_rows_over_and_over_are_told():
    real = correlated(400, 0)
    assert two_sample_auc(np.tile(real[:8], (50, 1)), real) > 0.95


def test_rows_of_few_values_are_no_copies():
    """Where real rows repeat, shares of values are learned from all rows."""
    rng = np.random.default_rng(0)
    real, samples = (rng.choice(["a", "b"], p=p, size=(300, 1)) for p in ([0.5, 0.5], [0.8, 0.2]))
    assert two_sample_auc(samples, real) == pytest.approx(0.65, abs=0.05)  # 0.5 + (0.8 - 0.5) / 2


def test_thirty_rows_are_enough_to_tell_far_ones():
    rng = np.random.default_rng(0)
    assert two_sample_auc(rng.normal(5, 1, (30, 2)), rng.normal(0, 1, (30, 2))) > 0.95


def test_missing_values_are_told():
    real, samples = table(400, 0), table(400, 1)
    assert two_sample_auc(samples.fillna({"age": 40.0}), real) > 0.53
    assert two_sample_auc(samples.assign(age=np.nan), real) > 0.9


@pytest.mark.parametrize("n", [30, 600])
def test_categories_that_differ_are_told(n):
    def frame(*values):
        return pd.DataFrame({"a": (list(values) * n)[:n]})

    assert two_sample_auc(frame(None), frame("x")) == 1
    assert two_sample_auc(frame(None, "x"), frame("x")) == pytest.approx(0.75, abs=0.01)
    assert two_sample_auc(frame("x", "y"), frame(None, "x")) == pytest.approx(0.875, abs=0.03)
    assert two_sample_auc(frame(*"abcd"), frame(*"defg")) > 0.8


def test_other_classifiers_read_a_column_for_each_category():
    real, samples = table(300, 0).drop(columns="age"), table(300, 1).drop(columns="age")
    samples["job"] = pd.Categorical(["never seen"] + ["old"] * 299)
    assert two_sample_auc(samples, real, estimator=LogisticRegression()) > 0.7


def test_auc_is_the_same_each_time_and_leaves_the_global_generator():
    one, other = correlated(60, 0), correlated(60, 1)
    before = np.random.get_state()[1].copy()
    options = {"estimator": RandomForestClassifier(5), "random_state": 3}
    assert two_sample_auc(one, other, **options) == two_sample_auc(one, other, **options)
    two_sample_auc(one, other, random_state=None)
    two_sample_auc(one, other, cv=ShuffleSplit(2, random_state=0))
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_each_fold_needs_a_row_of_each():
    with pytest.raises(ValueError, match="cv=5: expected 2 or more folds, and at most the 1 rows"):
        two_sample_auc([[1.0]], correlated(20, 0)[:, :1])
    with pytest.raises(ValueError, match="cv=1"):
        two_sample_auc(correlated(20, 0), correlated(20, 1), cv=1)
    assert two_sample_auc(np.zeros((20, 1)), np.zeros((20, 1))) == 0.5
    # Rows without a copy are fewer than folds, on both sides.
    real = correlated(10, 0)
    assert two_sample_auc(np.r_[real[:8], [[9.0, 9.0]] * 2], real) > 0.5


def test_marginal_distances_are_those_of_the_definition():
    real, samples = table(300, 0), table(200, 1)
    found = marginal_distances(samples, real)
    assert found.index.tolist() == ["age", "job", "member"]
    one, other = (frame["age"].dropna() for frame in (samples, real))
    scale = other.clip(*other.quantile([0.01, 0.99])).std(ddof=0)
    missing = abs(samples["age"].isna().mean() - real["age"].isna().mean())
    assert found["age"] == pytest.approx(wasserstein_distance(one, other) / scale + missing)
    assert found["job"] == pytest.approx(abs((samples["job"] == "old").mean() - (real["job"] == "old").mean()))
    assert found.max() < 0.2


def test_marginal_distances_have_the_unit_of_the_real_column():
    rng = np.random.default_rng(0)
    real = rng.normal(size=(2000, 2)) * [1, 1000]
    np.testing.assert_allclose(marginal_distances(real + np.array([1, 1000]), real), 1, rtol=0.05)
    assert marginal_distances([[3.0]], [[1.0], [1.0]]).tolist() == [2.0]  # a constant column keeps its unit


def test_marginals_of_missing_and_new_values():
    real = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", None]})
    samples = pd.DataFrame({"a": [np.nan, np.nan], "b": ["y", "y"]})
    assert marginal_distances(samples, real).tolist() == [1.0, 1.0]
    assert isinstance(marginal_distances(samples.to_numpy(), real.to_numpy()), np.ndarray)


def test_frames_of_polars_and_pandas_agree():
    polars = pytest.importorskip("polars")
    one, other = table(100, 0), table(100, 1)
    frames = [
        polars.DataFrame({name: [None if pd.isna(v) else v for v in frame[name].tolist()] for name in frame})
        for frame in (one, other)
    ]
    assert marginal_distances(*frames) == marginal_distances(one, other).to_dict()
    assert two_sample_auc(*frames) == two_sample_auc(one, other) == two_sample_auc(one, frames[1])


def ring(n_modes=8):
    angles = 2 * np.pi * np.arange(n_modes) / n_modes
    return 2 * np.c_[np.cos(angles), np.sin(angles)]


def test_a_ring_with_a_mode_missing():
    rng = np.random.default_rng(0)
    centers = ring()
    samples = centers[rng.integers(8, size=2000)] + rng.normal(0, 0.05, (2000, 2))
    modes, share, counts = mode_coverage(samples, centers, 0.05)
    assert (modes, counts.sum()) == (1.0, round(share * 2000))
    assert share == pytest.approx(0.989, abs=0.01)  # of a normal distribution in two dimensions
    kept = samples[np.linalg.norm(samples - centers[3], axis=1) > 0.5]
    found = mode_coverage(kept, centers, 0.05)
    assert found.modes == 7 / 8
    assert np.flatnonzero(found.counts == 0).tolist() == [3]


def test_samples_between_the_modes_belong_to_none():
    centers = ring()
    between = (centers + np.roll(centers, 1, axis=0)) / 2
    assert mode_coverage(between, centers, 0.05)[:2] == (0.0, 0.0)
    assert mode_coverage(np.r_[between, centers], centers, 0.05)[:2] == (1.0, 0.5)


def test_modes_may_have_scales_of_their_own():
    found = mode_coverage([[1.0], [9.0]], [[0.0], [10.0]], [0.1, 1.0])
    assert found.counts.tolist() == [0, 1]
    assert mode_coverage([[1.0]], [[0.0]], 0.1, radius=10).counts.tolist() == [1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[1.0, 2.0]], [[1.0]], 1.0), "X_synthetic has 2 columns, but centers has 1"),
        (([[np.nan]], [[1.0]], 1.0), "X_synthetic contains NaN"),
        (([[1.0]], [[1.0]], [1.0, 2.0]), "one for each of 1 modes"),
        (([[1.0]], [[1.0]], 0.0), "scale=0.0: expected finite numbers above 0"),
        (([[1.0]], np.empty((0, 1)), 1.0), "0 sample"),
    ],
)
def test_modes_that_are_none(arguments, message):
    with pytest.raises(ValueError, match=message):
        mode_coverage(*arguments)
    with pytest.raises(ValueError, match="radius=-1"):
        mode_coverage([[1.0]], [[1.0]], 1.0, radius=-1)
