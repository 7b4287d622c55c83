"""Series with a marker."""

import numpy as np
import pytest

from sklearn_ann.datasets import make_marker_recall


def test_the_marker_is_in_the_first_step_alone():
    X, y = make_marker_recall(50, delay=7, n_markers=3, noise=0.01, random_state=0)
    assert X.shape == (50, 8, 3)
    np.testing.assert_array_equal(X[:, 0].argmax(axis=1), y)
    np.testing.assert_allclose(X[np.arange(50), 0, y], 1, atol=0.1)
    assert np.abs(X[:, 1:]).max() < 0.1
    assert set(y) == {0, 1, 2}
    np.testing.assert_array_equal(X, make_marker_recall(50, delay=7, n_markers=3, noise=0.01, random_state=0)[0])


@pytest.mark.parametrize("bad", [{"delay": -1}, {"n_markers": 1}, {"noise": -0.1}, {"n_samples": 0}])
def test_what_is_refused(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        make_marker_recall(**bad)
