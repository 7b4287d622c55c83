"""Many trainings side by side."""

from __future__ import annotations

from collections.abc import Sequence

from sklearn_ann.training.alike import alike
from sklearn_ann.training.loop import Training
from sklearn_ann.training.stack import Stack


def train_together(runs: Sequence[Training], *, until: int | None = None) -> list[ValueError | None]:
    """Run the epochs that come next of several trainings, each as its own `Training.advance` would.

    Parameters
    ----------
    runs : sequence of Training
        Trainings of different networks; those that are over are left as they are.
    until : int or None
        The epoch to stop at; None to go on until each is over.

    Returns
    -------
    list of ValueError or None
        What made a training fail, for each; None for those that did not. A failed training has the weights of its last
        good epoch.
    """
    failures: list[ValueError | None] = [None] * len(runs)
    stacks, single = alike(runs)
    try:
        for members in stacks:
            _advance_stack([runs[position] for position in members], members, until, failures)
        for position in single:
            try:
                runs[position].advance(until=until)
            except ValueError as failure:
                runs[position].fail()
                failures[position] = failure
    except BaseException:
        for run in runs:
            run.fail()
        raise
    return failures


def _advance_stack(
    runs: list[Training], positions: list[int], until: int | None, failures: list[ValueError | None]
) -> None:
    for run, failure in Stack(runs).advance(until):
        run.fail()
        failures[positions[runs.index(run)]] = failure
