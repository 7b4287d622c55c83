import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.metrics import make_scorer

from sklearn_ann.metrics import edit_distances, sequence_error_rate, token_error_rate
from sklearn_ann.metrics.sequences import nearest_distances


def recursive_distance(a, b):
    """The definition, written down."""
    if not a or not b:
        return len(a) + len(b)
    return min(
        recursive_distance(a[:-1], b) + 1,
        recursive_distance(a, b[:-1]) + 1,
        recursive_distance(a[:-1], b[:-1]) + (a[-1] != b[-1]),
    )


def test_edit_distances_are_those_of_the_definition():
    rng = np.random.default_rng(0)
    one, other = (["".join(rng.choice(list("abc"), size=rng.integers(0, 6))) for _ in range(200)] for _ in range(2))
    assert edit_distances(one, other).tolist() == [recursive_distance(a, b) for a, b in zip(one, other, strict=True)]
    assert edit_distances(one, one).tolist() == [0] * 200


def test_long_and_short_pairs_are_compared_together(monkeypatch):
    from sklearn_ann.metrics import sequences

    one, other = ["a" * 50, "", "abc", "ab"], ["b" + "a" * 48, "abc", "", "ba"]
    expected = edit_distances(one, other).tolist()
    assert expected == [2, 3, 3, 2]
    monkeypatch.setattr(sequences, "_AT_ONCE", 60)  # one pair at a time
    assert edit_distances(one, other).tolist() == expected


def test_tokens_of_lists_are_compared_as_kinds():
    assert edit_distances([["AH", "B"], ["x"]], [["A", "HB"], ("x",)]).tolist() == [2, 0]


def test_the_nearest_of_several_targets_counts_and_the_longest_of_these():
    distances, sizes = nearest_distances([{"colour", "color"}, {"ab", "abcd"}], ["colors", "abc"])
    assert distances.tolist() == [1, 1]
    assert sizes.tolist() == [5, 4]
    assert nearest_distances([frozenset({("A", "B"), ("C",)})], [["C"]])[0].tolist() == [0]


def test_rates():
    truth, guess = ["abcd", "xy"], ["abed", "xy"]
    assert token_error_rate(truth, guess) == pytest.approx(1 / 6)
    assert token_error_rate(truth, guess, sample_weight=[1, 3]) == pytest.approx(1 / 10)
    assert token_error_rate(truth, guess, sample_weight=[0, 3]) == 0
    assert sequence_error_rate(truth, guess) == 0.5
    assert sequence_error_rate(truth, guess, sample_weight=[3, 1]) == 0.75
    assert token_error_rate(["the cat sat"], ["the dog sat down"], tokenizer=str.split) == pytest.approx(2 / 3)
    assert token_error_rate(["a"], ["bcd"]) == 3


def test_rates_make_scorers():
    class Echo(BaseEstimator):
        def predict(self, X):
            return np.array(X, dtype=object)

    assert make_scorer(sequence_error_rate, greater_is_better=False)(Echo(), ["a", "b"], ["a", "c"]) == -0.5


@pytest.mark.parametrize(
    ("truth", "guess", "options", "error", "message"),
    [
        (["a"], ["a", "b"], {}, ValueError, "inconsistent numbers of samples"),
        (["a", set()], ["a", "b"], {}, ValueError, "empty set of targets in sample 1"),
        (["a", 5], ["a", "b"], {}, TypeError, "y_true has 5 of type int in sample 1"),
        (["a", "b"], ["a", None], {}, TypeError, "y_pred has None of type NoneType in sample 1"),
        (["a"], ["a"], {"sample_weight": [-1]}, ValueError, "not negative"),
        (["a"], ["a"], {"sample_weight": [1, 2]}, ValueError, "inconsistent"),
        ([""], ["a"], {}, ValueError, "no token"),
        ("ab", ["a", "b"], {}, TypeError, "y_true is 'ab' of type str: expected a list"),
        (["a", "b"], "ab", {}, TypeError, "y_pred is 'ab' of type str: expected a list"),
        (None, ["a"], {}, TypeError, "y_true is None"),
        (pd.DataFrame({"a": ["a"], "b": ["a"]}), ["a"], {}, ValueError, r"frame of shape \(1, 2\)"),
        ([], [], {}, ValueError, "y_true has 0 samples"),
    ],
)
def test_what_cannot_be_compared(truth, guess, options, error, message):
    with pytest.raises(error, match=message):
        token_error_rate(truth, guess, **options)
    if message != "no token":
        with pytest.raises(error, match=message):
            sequence_error_rate(truth, guess, **options)


def test_targets_in_a_series_or_a_column():
    frame = pd.DataFrame({"y": ["ab", "cd"]}, index=[7, 3])
    assert token_error_rate(frame, ["ab", "ce"]) == token_error_rate(frame["y"], ["ab", "ce"]) == 0.25


@pytest.mark.parametrize("side", ["ab", [None], [1], [b"a"], 3])
def test_distances_are_between_lists_of_sequences(side):
    with pytest.raises(TypeError, match=r"^(one|other) (is|has) .*: expected a"):
        edit_distances(side, ["a"])
    with pytest.raises(TypeError, match=r"^(one|other) (is|has) .*: expected a"):
        edit_distances(["a"], side)
