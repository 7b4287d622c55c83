"""Images with known truth: frames of Conway's Game of Life."""

from __future__ import annotations

import re
from functools import cache
from numbers import Integral
from typing import Any, Literal

import numpy as np
from scipy.ndimage import convolve1d
from sklearn.utils import check_random_state, check_scalar

from sklearn_ann.datasets.bounds import pair_of_integers

Boundary = Literal["torus", "dead"]
_MODES = {"torus": "wrap", "dead": "constant"}

# Run lengths of live (o) and dead (b) cells; $ ends a row.
_RUN_LENGTHS = {
    "block": "2o$2o",
    "beehive": "b2o$o2bo$b2o",
    "loaf": "b2o$o2bo$bobo$2bo",
    "boat": "2o$obo$bo",
    "tub": "bo$obo$bo",
    "blinker": "3o",
    "toad": "b3o$3o",
    "beacon": "2o$2o$2b2o$2b2o",
    "pulsar": "2b3o3b3o2$o4bobo4bo$o4bobo4bo$o4bobo4bo$2b3o3b3o2$2b3o3b3o$o4bobo4bo$o4bobo4bo$o4bobo4bo2$2b3o3b3o",
    "glider": "bo$2bo$3o",
    "lightweight_spaceship": "bo2bo$o$o3bo$4o",
    "gosper_gun": "24bo$22bobo$12b2o6b2o12b2o$11bo3bo4b2o12b2o$2o8bo5bo3b2o$2o8bo3bob2o4bobo$10bo5bo7bo$11bo3bo$12b2o",
}


def _decoded(text: str) -> np.ndarray:
    """Decode run lengths to an array of zeros and ones."""
    lines = re.sub(r"(\d+)\$", lambda match: "$" * int(match[1]), text).split("$")
    rows = ["".join(cell * int(count or 1) for count, cell in re.findall(r"(\d*)([bo])", line)) for line in lines]
    width = max(map(len, rows))
    return np.array([[cell == "o" for cell in row.ljust(width, "b")] for row in rows], dtype=np.uint8)


LIFE_PATTERNS = {name: _decoded(text) for name, text in _RUN_LENGTHS.items()}
"""Still lifes, oscillators, spaceships and Gosper's glider gun, as arrays of zeros and ones."""

_OTHERS = [*(pattern for name, pattern in LIFE_PATTERNS.items() if name != "gosper_gun"), None]  # None is a random soup
_PERIOD = 30  # of the gun
_INSTEAD = 5  # extra patterns in a frame without a gun; they have about as many live cells
_GAP = 2  # dead cells around a pattern at the start
_TRIES = 50


def game_of_life(frames: np.ndarray, n_steps: int = 1, *, boundary: Boundary = "torus") -> np.ndarray:
    """Play Conway's Game of Life: a cell with three live neighbours lives, a cell with two stays as it is.

    Parameters
    ----------
    frames : array of shape (..., height, width)
        Any number of frames of zeros and ones.
    n_steps : int
        Number of generations to play.
    boundary : {"torus", "dead"}
        Cells beyond the border: those of the opposite side, or dead cells.

    Returns
    -------
    uint8 array of the same shape

    Raises
    ------
    ValueError
        If the frames have values other than 0 and 1 or fewer than two dimensions, if `n_steps` is negative, or if
        `boundary` is unknown.

    References
    ----------
    Gardner, M. (1970). The fantastic combinations of John Conway's new solitaire game "life". Scientific American 223.

    Examples
    --------
    >>> from sklearn_ann.datasets import game_of_life
    >>> game_of_life([[0, 0, 0, 0, 0], [0, 1, 1, 1, 0], [0, 0, 0, 0, 0]], boundary="dead")
    array([[0, 0, 1, 0, 0],
           [0, 0, 1, 0, 0],
           [0, 0, 1, 0, 0]], dtype=uint8)
    """
    frames = np.asarray(frames)
    check_scalar(n_steps, "n_steps", Integral, min_val=0)
    if frames.ndim < 2 or not np.isin(frames, (0, 1)).all():
        raise ValueError(f"frames of zeros and ones, (..., height, width), were expected; got shape {frames.shape}")
    if not isinstance(boundary, str) or boundary not in _MODES:
        raise ValueError(f"boundary={boundary!r}: expected 'torus' or 'dead'")
    frames = frames.astype(np.uint8)
    mode = _MODES[boundary]
    for _ in range(n_steps):
        # The sum over a cell and its eight neighbours.
        live = convolve1d(convolve1d(frames, [1, 1, 1], axis=-1, mode=mode), [1, 1, 1], axis=-2, mode=mode)
        frames = ((live == 3) | ((live == 4) & (frames == 1))).astype(np.uint8)
    return frames


@cache
def _gun_phases() -> np.ndarray:
    gun = LIFE_PATTERNS["gosper_gun"]
    field = np.pad(gun, 20)  # no glider comes back from this far
    phases = []
    for _ in range(_PERIOD):
        phases.append(field[20 : 20 + gun.shape[0], 20 : 20 + gun.shape[1]])
        field = game_of_life(field)
    return np.array(phases)


def gosper_gun(phase: int = 0, orientation: int = 0) -> np.ndarray:
    """Return Gosper's glider gun, 9 by 36 cells, in one of its phases.

    Parameters
    ----------
    phase : int
        Number of generations since the start; the period is 30.
    orientation : int in [0, 8)
        Number of quarter turns to the left; from 4 on, of the mirror image.

    Returns
    -------
    uint8 array of shape (9, 36) or (36, 9)

    Examples
    --------
    >>> from sklearn_ann.datasets import gosper_gun
    >>> gosper_gun(orientation=1).shape
    (36, 9)
    """
    check_scalar(phase, "phase", Integral)
    return _turned(_gun_phases()[phase % _PERIOD], orientation)


def _turned(pattern: np.ndarray, orientation: Any) -> np.ndarray:
    if not isinstance(orientation, int | np.integer) or not 0 <= orientation < 8:
        raise ValueError(f"orientation={orientation}: expected an integer from 0 to 7")
    return np.rot90(pattern if orientation < 4 else pattern[:, ::-1], int(orientation))


def make_gliders(
    n_samples: int = 100,
    *,
    shape: tuple[int, int] = (48, 48),
    n_others: tuple[int, int] = (2, 6),
    n_steps: tuple[int, int] = (0, 120),
    boundary: Boundary = "torus",
    return_positions: bool = False,
    random_state: int | np.random.RandomState | None = None,
) -> tuple[np.ndarray, ...]:
    """Make frames of Conway's Game of Life, every second one with a glider gun.

    A frame starts with patterns at random positions and orientations: still lifes, oscillators, spaceships, random
    soups, and either Gosper's glider gun (class 1) or five more of the others (class 0), with about as many live cells.
    Then the game is played. A frame whose gun is destroyed meanwhile is drawn anew, so that the labels are true. No gun
    crosses the border.

    Parameters
    ----------
    n_samples : int
        Number of frames to make.
    shape : (int, int)
        Height and width of a frame, at least 36.
    n_others : (int, int)
        Least and greatest number of other patterns; a pattern that finds no room is left out.
    n_steps : (int, int)
        Least and greatest number of generations to play. On a small torus a gun is hit by its own gliders: after 144
        generations if the shorter side is 40, after 240 if it is 64.
    boundary : {"torus", "dead"}
        Cells beyond the border: those of the opposite side, or dead cells.
    return_positions : bool
        Whether to return the positions of the guns.
    random_state : int, RandomState instance or None
        Seed or generator.

    Returns
    -------
    X : uint8 array of shape (n_samples, height, width)
        1 for live cells.
    y : array of shape (n_samples,)
        1 for frames with a gun, else 0; they alternate.
    positions : int array of shape (n_samples, 4)
        Row and column of the upper left corner of the gun, its orientation and its phase, as in `gosper_gun`; -1
        without a gun. Only with `return_positions`.

    Raises
    ------
    ValueError
        If `shape` is too small for a gun, a range is empty or negative, or guns do not survive the generations.

    Examples
    --------
    >>> from sklearn_ann.datasets import gosper_gun, make_gliders
    >>> X, y, positions = make_gliders(4, return_positions=True, random_state=0)
    >>> X.shape, y
    ((4, 48, 48), array([0, 1, 0, 1]))
    >>> row, column, orientation, phase = positions[1]
    >>> gun = gosper_gun(phase, orientation)
    >>> bool((X[1, row : row + gun.shape[0], column : column + gun.shape[1]] == gun).all())
    True
    """
    check_scalar(n_samples, "n_samples", Integral, min_val=1)
    if np.shape(shape) != (2,) or min(shape) < max(LIFE_PATTERNS["gosper_gun"].shape):
        raise ValueError(f"shape={shape}: expected (height, width), both at least 36, the size of a glider gun")
    n_others, n_steps = pair_of_integers(n_others, 0, "n_others"), pair_of_integers(n_steps, 0, "n_steps")
    rng = check_random_state(random_state)
    y = np.arange(n_samples) % 2
    X = np.zeros((n_samples, *shape), dtype=np.uint8)
    positions = np.full((n_samples, 4), -1)
    missing = np.arange(n_samples)
    for _ in range(_TRIES):
        steps = rng.randint(n_steps[0], n_steps[1] + 1, size=len(missing))
        for i, generation in zip(missing, steps, strict=True):
            _start_frame(X[i], positions[i], int(y[i]), n_others, generation, rng)
        for generation in range(n_steps[1]):
            going = missing[steps > generation]
            X[going] = game_of_life(X[going], boundary=boundary)
        missing = np.array([i for i in missing if y[i] and not _works(X[i], *positions[i])], dtype=int)
        if len(missing) == 0:
            return (X, y, positions) if return_positions else (X, y)
    raise ValueError(
        f"after {_TRIES} trials {len(missing)} of {n_samples} frames have no gun that outlived its generations: choose "
        f"fewer than n_steps={n_steps} or n_others={n_others}, or more room than shape={shape}"
    )


def _start_frame(
    frame: np.ndarray,
    position: np.ndarray,
    label: int,
    n_others: tuple[int, int],
    n_steps: int,
    rng: np.random.RandomState,
) -> None:
    """Set random patterns into `frame`, and the gun that class 1 has after `n_steps` generations into `position`."""
    frame[:] = 0
    n_patterns = rng.randint(n_others[0], n_others[1] + 1)
    if label:
        orientation = rng.randint(8)
        gun = gosper_gun(0, orientation)
        row, column = _random_corner(frame, gun, rng)
        frame[row : row + gun.shape[0], column : column + gun.shape[1]] = gun
        position[:] = row, column, orientation, n_steps % _PERIOD
    _put_others(frame, n_patterns if label else n_patterns + _INSTEAD, rng)


def _random_corner(frame: np.ndarray, pattern: np.ndarray, rng: np.random.RandomState) -> tuple[int, int]:
    """Draw the upper left corner of `pattern` in `frame`."""
    height, width = frame.shape
    return rng.randint(height - pattern.shape[0] + 1), rng.randint(width - pattern.shape[1] + 1)


def _put_others(frame: np.ndarray, n_patterns: int, rng: np.random.RandomState) -> None:
    """Set patterns into empty parts of `frame`; leave a pattern out if some trials find no such part."""
    for kind in rng.randint(len(_OTHERS), size=n_patterns):
        pattern = _OTHERS[kind]
        if pattern is None:
            pattern = (rng.uniform(size=(8, 8)) < 0.5).astype(np.uint8)
        pattern = _turned(pattern, rng.randint(8))
        height, width = pattern.shape
        for _ in range(_TRIES):
            row, column = _random_corner(frame, pattern, rng)
            around = frame[max(row - _GAP, 0) : row + height + _GAP, max(column - _GAP, 0) : column + width + _GAP]
            if not around.any():
                frame[row : row + height, column : column + width] = pattern
                break


def _works(frame: np.ndarray, row: int, column: int, orientation: int, phase: int) -> bool:
    """Whether the gun at this position is intact."""
    gun = gosper_gun(phase, orientation)
    return np.array_equal(frame[row : row + gun.shape[0], column : column + gun.shape[1]], gun)
