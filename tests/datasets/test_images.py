"""The game of life keeps its rules, and make_gliders its word."""

from itertools import pairwise

import numpy as np
import pytest

from sklearn_ann.datasets import LIFE_PATTERNS, game_of_life, gosper_gun, make_gliders


def field(name, margin=6):
    return np.pad(LIFE_PATTERNS[name], margin)


@pytest.mark.parametrize(
    ("name", "period"),
    [
        *((name, 1) for name in ("block", "beehive", "loaf", "boat", "tub")),
        *((name, 2) for name in ("blinker", "toad", "beacon")),
        ("pulsar", 3),
    ],
)
def test_still_lifes_and_oscillators_have_their_periods(name, period):
    start = field(name)
    course = [game_of_life(start, n) for n in range(1, period + 1)]
    assert [np.array_equal(frame, start) for frame in course] == [False] * (period - 1) + [True]


@pytest.mark.parametrize(("name", "move"), [("glider", (1, 1)), ("lightweight_spaceship", (0, -2))])
def test_spaceships_move_within_four_generations(name, move):
    start = field(name)
    for boundary in ("torus", "dead"):
        np.testing.assert_array_equal(game_of_life(start, 4, boundary=boundary), np.roll(start, move, axis=(0, 1)))


def test_every_pattern_is_on_the_list():
    sizes = {name: int(pattern.sum()) for name, pattern in LIFE_PATTERNS.items()}
    assert sizes == {
        "block": 4, "beehive": 6, "loaf": 7, "boat": 5, "tub": 4, "blinker": 3, "toad": 6, "beacon": 8, "pulsar": 48,
        "glider": 5, "lightweight_spaceship": 9, "gosper_gun": 36,
    }  # fmt: skip


def test_a_gun_emits_a_glider_each_30_generations():
    start = np.pad(LIFE_PATTERNS["gosper_gun"], 60)
    gun = (slice(60, 69), slice(60, 96))
    course = [start]
    for _ in range(6):
        course.append(game_of_life(course[-1], 30))
    for before, after in pairwise(course):
        np.testing.assert_array_equal(after[gun], start[gun])
        assert after.sum() - before.sum() == 5  # a glider more


def test_a_torus_has_no_border_and_a_dead_one_has():
    start = np.zeros((7, 7), dtype=int)
    start[0, 2:5] = 1  # a blinker at the border
    turned = game_of_life(start)
    assert turned[[6, 0, 1], 3].tolist() == [1, 1, 1]
    assert game_of_life(start, boundary="dead")[[6, 0, 1], 3].tolist() == [0, 1, 1]
    moved = np.roll(start, (3, 5), axis=(0, 1))
    np.testing.assert_array_equal(game_of_life(moved), np.roll(turned, (3, 5), axis=(0, 1)))
    many = np.stack([[start, moved], [moved, start]])
    np.testing.assert_array_equal(game_of_life(many)[0, 1], game_of_life(moved))
    np.testing.assert_array_equal(game_of_life(start, 0), start)


def test_the_guns_phases_follow_each_other():
    for orientation in range(8):
        frame = np.pad(gosper_gun(3, orientation), 12)
        middle = game_of_life(frame)[12:-12, 12:-12]
        np.testing.assert_array_equal(middle, gosper_gun(34, orientation))
    assert len({gosper_gun(phase, turn).tobytes() for phase in range(30) for turn in range(8)}) == 240


@pytest.mark.parametrize("boundary", ["torus", "dead"])
def test_guns_are_where_the_positions_say(boundary):
    X, y, positions = make_gliders(80, boundary=boundary, return_positions=True, random_state=0)
    assert X.shape == (80, 48, 48)
    assert set(np.unique(X)) == {0, 1}
    np.testing.assert_array_equal(y, [0, 1] * 40)
    assert (positions[y == 0] == -1).all()
    assert len(np.unique(positions[y == 1, :2], axis=0)) > 30  # shifted at random
    assert set(positions[y == 1, 2]) == set(range(8))
    for frame, (row, column, orientation, phase) in zip(X[y == 1], positions[y == 1], strict=True):
        gun = gosper_gun(phase, orientation)
        np.testing.assert_array_equal(frame[row : row + gun.shape[0], column : column + gun.shape[1]], gun)
    live = [X[y == label].sum(axis=(1, 2)).mean() for label in (0, 1)]
    assert live[0] == pytest.approx(live[1], rel=0.3)


def test_random_state_decides():
    state = np.random.get_state()[1].copy()
    once, _ = make_gliders(6, random_state=3)
    again, _ = make_gliders(6, random_state=np.random.RandomState(3))
    np.testing.assert_array_equal(once, again)
    assert not np.array_equal(once, make_gliders(6, random_state=4)[0])
    np.testing.assert_array_equal(np.random.get_state()[1], state)


def test_no_patterns_but_the_gun():
    X, y = make_gliders(4, shape=(36, 50), n_others=(0, 0), n_steps=(0, 0), random_state=0)
    assert X[y == 1].sum(axis=(1, 2)).tolist() == [36, 36]
    assert (X[y == 0].sum(axis=(1, 2)) > 0).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"shape": (64, 20)}, r"shape=\(64, 20\): expected \(height, width\), both at least 36"),
        ({"shape": -1}, r"shape=-1: expected \(height, width\), both at least 36"),
        ({"n_others": (3, 2)}, r"n_others=\(3, 2\): expected"),
        ({"n_steps": (-1, 2)}, r"n_steps=\(-1, 2\): expected"),
        ({"boundary": "open"}, "boundary='open'"),
        (
            {"n_samples": 2, "shape": (36, 36), "n_others": (0, 0), "n_steps": (140, 141)},
            "1 of 2 frames have no gun that outlived",
        ),
    ],
)
def test_bad_input(settings, message):
    with pytest.raises(ValueError, match=message):
        make_gliders(**{"n_samples": 4, "random_state": 0} | settings)


@pytest.mark.parametrize("frames", [[0, 1], [[0, 2]], [[0.5, 0]]])
def test_frames_of_something_else(frames):
    with pytest.raises(ValueError, match="frames of zeros and ones"):
        game_of_life(frames)


def test_an_orientation_that_there_is_not():
    with pytest.raises(ValueError, match="orientation=8"):
        gosper_gun(0, 8)


def test_numbers_below_zero_are_refused():
    with pytest.raises(ValueError, match="n_steps == -1, must be >= 0"):
        game_of_life(np.zeros((3, 3)), n_steps=-1)
    with pytest.raises(ValueError, match="n_samples == -1, must be >= 1"):
        make_gliders(-1)
