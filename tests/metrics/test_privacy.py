import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist

from sklearn_ann.metrics import closest_record_distances, copy_share, privacy


def rows(n, seed, scale=1.0):
    return np.random.default_rng(seed).normal(0, scale, size=(n, 4))


def mixed(n, seed):
    z = rows(n, seed)
    frame = pd.DataFrame({"a": z[:, 0], "b": z[:, 1], "c": np.where(z[:, 2] > 0, "x", "y")})
    frame["d"] = np.where(z[:, 3] > 1, None, np.rint(z[:, 3]).astype(int).astype(str))
    frame.loc[z[:, 2] > 1, "b"] = np.nan
    return frame


def test_distances_are_those_of_the_definition(monkeypatch):
    samples, train = rows(50, 0), rows(80, 1)
    scale = np.std(np.clip(train, *np.quantile(train, [0.01, 0.99], axis=0)), axis=0)
    expected = cdist(samples / scale, train / scale).min(axis=1)
    np.testing.assert_allclose(closest_record_distances(samples, train), expected)
    monkeypatch.setattr(privacy, "_AT_ONCE", 200)  # two rows at a time
    np.testing.assert_allclose(closest_record_distances(samples, train), expected)


def test_categories_and_missing_values_differ_by_the_root_of_two():
    train = pd.DataFrame({"n": [0.0, 2.0], "c": ["a", "b"]})
    samples = pd.DataFrame({"c": ["a", "b", "new", None, "a"], "n": [0.0, 0.0, 0.0, 2.0, np.nan]})
    scale = np.std(np.clip([0, 2], 0.02, 1.98))
    expected = [0, np.sqrt(2), np.sqrt(2), np.sqrt(2), np.sqrt(2 + 1 / scale**2)]
    np.testing.assert_allclose(closest_record_distances(samples, train), expected)


def test_equal_rows_have_a_distance_of_zero_far_from_the_origin():
    train = rows(300, 0) + 1e6
    assert not closest_record_distances(train[::-1], train).any()
    assert not closest_record_distances(train.astype(np.float32), train).any()
    frame = mixed(300, 0)
    assert not closest_record_distances(frame[["d", "c", "b", "a"]], frame).any()


@pytest.mark.parametrize("draw", [rows, mixed])
def test_an_honest_sampler_has_the_level(draw):
    shares = [copy_share(draw(300, 3 * k), draw(400, 3 * k + 1), draw(200, 3 * k + 2)) for k in range(20)]
    assert np.mean(shares) == pytest.approx(0.05, abs=0.012)


def test_the_level_holds_for_few_held_out_rows():
    shares = [copy_share(rows(100, 3 * k), rows(100, 3 * k + 1), rows(8, 3 * k + 2), level=0.1) for k in range(60)]
    assert np.mean(shares) == pytest.approx(0.1, abs=0.03)


@pytest.mark.parametrize("draw", [rows, mixed])
def test_copies_are_a_leak(draw):
    train, held_out = draw(400, 0), draw(200, 1)
    bootstrap = np.random.default_rng(0).integers(400, size=300)
    samples = train.iloc[bootstrap] if draw is mixed else train[bootstrap]
    with pytest.warns(UserWarning, match=r"copies of training rows: 100.0% .* 100.0% equal one"):
        assert copy_share(samples, train, held_out) == 1


def test_copies_with_noise_are_a_leak():
    train = rows(400, 0)
    with pytest.warns(UserWarning, match="copies of training rows"):
        assert copy_share(train + rows(400, 2, 0.02), train, rows(200, 1)) > 0.9


def test_a_few_exact_copies_are_a_leak():
    train, samples = rows(400, 0), rows(500, 2)
    samples[:20] = train[:20]
    with pytest.warns(UserWarning, match="4.0% equal one"):
        assert copy_share(samples, train, rows(400, 1)) < 0.15


def test_too_many_typical_rows_are_no_copies():
    """They are as close to rows that the sampler has not seen."""
    samples, train, held_out = rows(400, 2, 0.4), rows(400, 0), rows(400, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert copy_share(samples, train, held_out) > 0.1
        assert copy_share(samples, held_out, train) > 0.1


def test_rows_that_repeat_by_nature_are_no_copies():
    """Many held-out rows equal a training row too; a sampler that only copies is still told."""

    def draw(n, seed):
        return np.rint(2 * rows(n, seed))

    train, held_out = draw(500, 0), draw(300, 1)
    assert 0.05 < (closest_record_distances(held_out, train) == 0).mean() < 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert copy_share(draw(500, 2), train, held_out) < 0.07
    with pytest.warns(UserWarning, match="copies"):
        assert copy_share(train, train, held_out) > 0.1


def test_held_out_rows_that_were_not_held_out():
    train = rows(100, 0)
    with pytest.warns(UserWarning, match="All rows of X_held_out are also in X_train"):
        copy_share(rows(100, 1), train, train[:50])


def test_odd_tables():
    assert copy_share([[0.0]], [[1.0]], [[2.0]]) == pytest.approx(0.05)  # as far: a tie
    assert copy_share([[1.5]], [[1.0]], [[2.0]]) == pytest.approx(0.1)  # closer, but one row proves nothing
    assert copy_share([[9.0]], [[1.0]], [[2.0]]) == 0
    assert closest_record_distances([[3.0]], [[1.0], [1.0]]).tolist() == [2.0]  # a constant column keeps its unit
    with pytest.raises(ValueError, match="level=1: expected"):
        copy_share([[0.0]], [[1.0]], [[2.0]], level=1)
    with pytest.raises(ValueError, match="X_held_out has 2 columns, but X_train has 1"):
        copy_share([[0.0]], [[1.0]], [[2.0, 3.0]])
