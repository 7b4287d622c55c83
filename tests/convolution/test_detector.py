"""PatternDetector: the lecture's formula, what it finds and where, and what it refuses."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.signal import correlate
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_n_features_in,
    check_n_features_in_after_fitting,
    check_set_output_transform_pandas,
    check_transformer_get_feature_names_out,
)

from sklearn_ann import PatternDetector
from sklearn_ann.convolution import matched_kernel
from sklearn_ann.datasets import LIFE_PATTERNS, game_of_life, gosper_gun, make_gliders

GLIDER = LIFE_PATTERNS["glider"]


def images(shape=(6, 7), n=5, channels=None, seed=0):
    size = (n, *shape) if channels is None else (n, *shape, channels)
    return np.random.default_rng(seed).uniform(size=size)


def patches(image, height, width):
    """The lecture's X̃: a row for each patch, (q, r)."""
    view = np.lib.stride_tricks.sliding_window_view(image, (height, width, image.shape[2]))
    return view.reshape(-1, height * width * image.shape[2])


@pytest.mark.parametrize("channels", [1, 3])
def test_maps_are_the_lectures_formula(channels):
    X, kernels = images(channels=channels), images((3, 2), 4, channels, seed=1) - 0.5
    W = kernels.reshape(4, -1).T  # (r, p)
    got = PatternDetector(kernels, output="maps").transform(X)
    assert got.shape == (5, 4, 6, 4)
    for image, Y in zip(X, got, strict=True):
        np.testing.assert_allclose(Y.reshape(-1, 4), patches(image, 3, 2) @ W, atol=1e-5)
    np.testing.assert_array_equal(PatternDetector(kernels).transform(X), got.max(axis=(1, 2)))


def test_same_maps_have_the_images_size_for_kernels_of_any_size():
    X, kernels = images(), [images((3, 3), 1)[0], images((5, 3), 1, seed=1)[0]]
    got = PatternDetector(kernels, output="maps", padding="same").transform(X)
    assert got.shape == (5, 6, 7, 2)
    for image, Y in zip(X, got, strict=True):
        for k, kernel in enumerate(kernels):
            np.testing.assert_allclose(Y[..., k], correlate(image, kernel, mode="same"), atol=1e-5)


def test_normalized_responses_are_pearsons_correlations():
    X, kernels = images(channels=2), images((3, 3), 3, 2, seed=1)
    got = PatternDetector(kernels, output="maps", normalize=True).transform(X)
    for image, Y in zip(X, got, strict=True):
        expected = np.corrcoef(patches(image, 3, 3), kernels.reshape(3, -1))[:-3, -3:]
        np.testing.assert_allclose(Y.reshape(-1, 3), expected, atol=1e-9)
    np.testing.assert_allclose(
        PatternDetector(kernels, normalize=True).transform(X * 40 + 1000), got.max(axis=(1, 2)), atol=1e-7
    )
    flat = np.full((1, 4, 4, 2), 200.1)
    assert PatternDetector(kernels, normalize=True).transform(flat).tolist() == [[0, 0, 0]]


def test_images_of_any_size_have_the_responses_that_they_have_alone():
    X = [images(shape, 1, seed=i)[0] for i, shape in enumerate([(3, 9), (12, 4), (5, 5), (3, 3)])]
    kernels = [images((3, 3), 1, seed=9)[0] - 2, images((2, 3), 1, seed=8)[0]]  # zeros beyond the end would be greatest
    for settings in ({}, {"normalize": True}, {"padding": "same"}):
        detector = PatternDetector(kernels, threshold=-1.5, **settings)
        alone = np.concatenate([detector.transform([image]) for image in X])
        np.testing.assert_allclose(detector.transform(X), alone, atol=1e-5)
        hits = [np.c_[np.full(len(h), i), h[:, 1:]] for i, h in enumerate(detector.hits([image]) for image in X)]
        np.testing.assert_array_equal(detector.hits(X), np.concatenate(hits))
    maps = PatternDetector(kernels[:1], output="maps").transform(X)
    assert [m.shape for m in maps] == [(1, 7, 1), (10, 2, 1), (3, 3, 1), (1, 1, 1)]


def test_many_images_are_done_in_pieces(monkeypatch):
    X = images(n=11)
    detector = PatternDetector(images((2, 2), 3), threshold=1.5)
    whole = detector.transform(X), detector.hits(X)
    monkeypatch.setattr("sklearn_ann.convolution.detector._CHUNK", 300)
    np.testing.assert_allclose(detector.transform(X), whole[0], atol=1e-6)
    np.testing.assert_array_equal(detector.hits(X), whole[1])


def test_wrong_live_cells_count_against_in_a_matched_kernel():
    X = np.zeros((3, 9, 9), dtype=np.uint8)
    X[0, 4:7, 1:4] = GLIDER
    X[1, 4:7, 1:4] = 1  # more is live than in a glider
    X[2, 3, 3] = 1
    assert PatternDetector([GLIDER]).predict(X).tolist() == [True, True, False]
    matched = PatternDetector([matched_kernel(GLIDER)])
    assert matched.predict(X).tolist() == [True, False, False]
    assert matched.hits(X).tolist() == [[0, 0, 4, 1]]
    assert matched.transform(X).ravel().tolist() == [5, 3, 1]
    assert PatternDetector([GLIDER], normalize=True).hits(X).tolist() == [[0, 0, 4, 1]]
    assert PatternDetector([matched_kernel(GLIDER)], threshold=[1]).predict(X).all()


def test_a_shared_kernel_leaves_open_where_patterns_differ():
    blinker = np.pad(LIFE_PATTERNS["blinker"], ((2, 2), (1, 1)))
    kernel = matched_kernel(blinker, game_of_life(blinker))
    detector = PatternDetector([kernel])
    assert detector.predict(np.array([blinker, blinker.T, 1 - blinker])).tolist() == [True, True, False]


def test_a_moved_image_has_moved_hits():
    X = np.zeros((1, 20, 20))
    X[0, 5:8, 6:9] = GLIDER
    detector = PatternDetector([matched_kernel(GLIDER), GLIDER])
    moved = detector.hits(np.roll(X, (3, 7), axis=(1, 2)))
    np.testing.assert_array_equal(moved, detector.hits(X) + np.array([0, 0, 3, 7]))
    over = PatternDetector([matched_kernel(np.pad(GLIDER, 1))], padding="same")
    assert over.hits(np.roll(X, (-5, -6), axis=(1, 2))).tolist() == [[0, 0, -1, -1]]  # at the border, with its margin


def test_guns_are_found_with_orientation_and_phase():
    X, y, positions = make_gliders(24, return_positions=True, random_state=0)
    kernels = [matched_kernel(gosper_gun(phase, turn)) for turn in range(8) for phase in range(30)]
    detector = PatternDetector(kernels)
    np.testing.assert_array_equal(detector.predict(X), y)
    sample, kernel, row, column = detector.hits(X).T
    np.testing.assert_array_equal(sample, np.flatnonzero(y))
    np.testing.assert_array_equal(np.c_[row, column, kernel // 30, kernel % 30], positions[sample])


def test_rows_frames_and_lists_are_the_same_images():
    X = images()
    expected = PatternDetector([GLIDER]).transform(X)
    flat = PatternDetector([GLIDER], image_shape=(6, 7))
    frame = pd.DataFrame(X.reshape(5, -1)).add_prefix("pixel")
    for same in (X.reshape(5, -1), X.reshape(5, -1).tolist(), frame):
        np.testing.assert_array_equal(flat.transform(same), expected)
    np.testing.assert_array_equal(PatternDetector([GLIDER]).transform(X.tolist()), expected)
    np.testing.assert_array_equal(PatternDetector([GLIDER[..., None]]).transform(list(X[..., None])), expected)
    fitted = flat.fit(frame)
    assert fitted.n_features_in_ == 42
    assert fitted.feature_names_in_[0] == "pixel0"
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(clone(fitted))).transform(X.reshape(5, -1)), expected)


def test_tables_and_pipelines():
    X = images()
    table = PatternDetector([GLIDER, GLIDER.T]).set_output(transform="pandas").transform(X)
    assert list(table.columns) == ["patterndetector0", "patterndetector1"]
    pipeline = make_pipeline(PatternDetector([GLIDER], output="maps")).set_output(transform="pandas")
    assert pipeline.fit_transform(X).shape == (5, 4, 5, 1)
    assert not hasattr(PatternDetector([GLIDER], output="maps"), "get_feature_names_out")
    rows = PatternDetector([[[1, -1]]], image_shape=(1, 4))
    X, y = images((1, 4), 40)[:, 0], np.arange(40) % 2
    assert make_pipeline(rows, LogisticRegression()).fit(X, y).predict(X).shape == (40,)


@pytest.mark.filterwarnings("ignore:X does not have valid feature names:UserWarning")
@pytest.mark.filterwarnings("ignore:X has feature names, but:UserWarning")
@pytest.mark.parametrize(
    ("check", "width"),
    [
        (check_transformer_get_feature_names_out, 3),
        (check_set_output_transform_pandas, 5),
        (check_n_features_in, 2),
        (check_n_features_in_after_fitting, 4),
        (check_dataframe_column_names_consistency, 8),
    ],
)
def test_scikit_learns_checks(check, width):
    check("PatternDetector", PatternDetector([[[1, -1]]], threshold=0.5, image_shape=(1, width)))


def test_torchs_settings_stay_as_they_were():
    before = torch.backends.cudnn.enabled, torch.backends.cudnn.allow_tf32
    PatternDetector([GLIDER]).transform(images())
    assert (torch.backends.cudnn.enabled, torch.backends.cudnn.allow_tf32) == before


@pytest.mark.parametrize(
    ("X", "settings", "message"),
    [
        (images((2, 9)), {}, "kernel 0 of 3x3 is larger than sample 0 of 2x9"),
        ([np.ones((4, 4)), np.ones((3, 2))], {}, "kernel 0 of 3x3 is larger than sample 1 of 3x2"),
        (images(channels=3), {}, "X has 3 channels, but the kernels have 1"),
        ([np.ones((4, 4)), np.ones((4, 4, 3))], {}, "sample 1 has 3 channels, the first one has 1"),
        ([np.ones((4, 4)), np.ones((0, 4))], {}, r"sample 1 has shape \(0, 4\): it is empty"),
        ([np.ones((4, 4)), np.full((4, 4), np.nan)], {}, "sample 1 contains NaN"),
        ([], {}, r"0 sample\(s\)"),
        (images()[0], {}, "X is read as signals"),
        (["ACGT"], {}, "X is read as sequences"),
        (None, {}, "Expected sequence or array-like"),
        (images((6, 7)).reshape(5, -1), {"image_shape": (6, 6)}, r"image_shape=\(6, 6\) does not fit"),
        (images(), {"kernels": GLIDER}, r"kernel 0 has shape \(3,\)"),
        (images(), {"kernels": 5}, "kernels=5"),
        (images(), {"kernels": []}, "kernels is empty"),
        (images(), {"kernels": [np.zeros((0, 3))]}, r"kernel 0 of shape \(0, 3\) has no nonzero weight"),
        (images(), {"kernels": [GLIDER, np.zeros((2, 2))]}, "kernel 1 .* has no nonzero weight"),
        (images(), {"kernels": [np.full((2, 2), np.inf)]}, "kernel 0 contains NaN or infinity"),
        (images(), {"kernels": [[["a"]]]}, "kernel 0 is not an array of real numbers"),
        (images(), {"kernels": [GLIDER, np.ones((2, 2, 3))]}, "kernel 1 has 3 channels, the first one has 1"),
        (images(), {"kernels": [np.ones((2, 2))], "normalize": True}, "kernel 0 is constant"),
        (images(), {"threshold": "half"}, "threshold='half'"),
        (images(), {"threshold": [1, 2]}, r"threshold=\[1, 2\]: .* a number for each kernel, 1"),
        (images(), {"threshold": None}, "threshold=None"),
        (images(), {"threshold": -np.inf}, "threshold=-inf"),
        (images(), {"output": "map"}, "The 'output' parameter"),
        (images(), {"device": "tpu"}, "device must be"),
        (images() * 255, {}, r"threshold='exact' is for images of values in \[0, 1\]"),
    ],
)
def test_bad_input(X, settings, message):
    with pytest.raises((ValueError, TypeError), match=message):
        PatternDetector(**{"kernels": [GLIDER]} | settings).fit(X).predict(X)


def test_kernels_of_different_sizes_have_no_common_map():
    with pytest.raises(ValueError, match=r"output='maps' .* kernels of one size, got kernels of the shapes .*3, 3"):
        PatternDetector([GLIDER, np.ones((2, 2))], output="maps").transform(images())


CHANGES = [
    {"kernels": [np.ones((2, 2)), np.eye(2)]},
    {"threshold": 100.0},
    {"output": "maps"},
    {"padding": "same"},
    {"normalize": True},
    {"image_shape": None},
    {"device": "abacus"},
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_a_fitted_detector_goes_by_the_hyper_parameters_of_its_fit(change):
    X = images().reshape(5, -1)
    detector = PatternDetector([GLIDER], threshold=1.0, image_shape=(6, 7)).fit(X)

    def results(detector):
        names = detector.get_feature_names_out()
        return detector.transform(X), detector.predict(X), detector.hits(X), names

    before = results(detector)
    detector.set_params(**change)
    for later in (detector, pickle.loads(pickle.dumps(detector))):
        for one, other in zip(results(later), before, strict=True):
            np.testing.assert_array_equal(one, other)
    with pytest.raises(AttributeError):
        _ = clone(detector).resolved_parameters_


def test_kernels_and_thresholds_that_change_in_place_do_not_change_a_fit():
    X, kernel, thresholds = images(), np.eye(3), [1.5]
    detector = PatternDetector([kernel], threshold=thresholds).fit(X)
    before = detector.transform(X), detector.hits(X)
    kernel[:], thresholds[0] = 1, 0.0
    np.testing.assert_array_equal(detector.transform(X), before[0])
    np.testing.assert_array_equal(detector.hits(X), before[1])


def test_before_a_fit_and_in_a_new_one_the_current_hyper_parameters_count():
    X = images()
    detector = PatternDetector([GLIDER])
    assert detector.transform(X).shape == (5, 1)
    assert detector.set_params(output="maps").transform(X).shape == (5, 4, 5, 1)
    detector.fit(X).set_params(output="pooled")
    assert not hasattr(detector, "get_feature_names_out")
    assert detector.set_output(transform="pandas").transform(X).shape == (5, 4, 5, 1)
    table = detector.fit(X).set_output(transform="pandas").set_params(output="maps").transform(X)
    assert list(table.columns) == ["patterndetector0"]


def test_a_fit_that_fails_changes_nothing_and_one_on_images_forgets_the_columns():
    frame = pd.DataFrame(images().reshape(5, -1)).add_prefix("pixel")
    detector = PatternDetector([GLIDER], image_shape=(6, 7)).fit(frame)
    before = vars(detector).copy()
    with pytest.raises(ValueError, match=r"image_shape=\(6, 7\) does not fit"):
        detector.fit(np.ones((2, 9)))
    assert vars(detector) == before
    detector.set_params(image_shape=None).fit(images())
    assert not hasattr(detector, "n_features_in_")
    assert not hasattr(detector, "feature_names_in_")


def test_a_fit_of_another_machine_predicts_where_its_device_does_not_exist():
    X = images()
    detector = PatternDetector([GLIDER], device="cpu").fit(X)
    expected = detector.transform(X)
    detector.resolved_parameters_.device = "cuda:99"
    np.testing.assert_array_equal(detector.transform(X), expected)
    with pytest.raises(ValueError, match="cuda:99"):
        PatternDetector([GLIDER], device="cuda:99").transform(X)


def test_responses_that_overflow_name_the_sample():
    images = np.ones((3, 8, 8), dtype=np.float32)
    images[1] = 3e38
    with pytest.raises(ValueError, match="a response to sample 1 is not finite"):
        PatternDetector([np.ones((3, 3))]).transform(images)


def test_autocast_of_the_caller_does_not_matter():
    images = np.random.default_rng(0).uniform(size=(3, 8, 8))
    detector = PatternDetector([np.ones((3, 3))])
    with torch.autocast("cpu", torch.bfloat16):
        found = detector.transform(images)
    np.testing.assert_array_equal(found, detector.transform(images))
