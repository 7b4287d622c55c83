"""Many trainings side by side."""

from __future__ import annotations

from collections.abc import Sequence

from sklearn_ann.training.alike import alike
from sklearn_ann.training.loop import Training
from sklearn_ann.training.stack import Stack


def train_together(runs: Sequence[Training], *, until: int | None = None) -> list[ValueError | None]:
    """Run the epochs that come next of several trainings, each as its own `Training.advance` would.

    Trainings that `alike` puts together are computed as one `Stack`; those that remain, one after the other. Each ends
    with the weights, the losses and the number of epochs that it has alone: to rounding, which small errors of float32
    outgrow after some hundred steps.

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

    Raises
    ------
    KeyboardInterrupt
        As it came, and any error but those of a training. All have the weights of their last good epochs again.
    """
    failures: list[ValueError | None] = [None] * len(runs)
    stacks, _ = alike(runs)
    try:
        for positions in stacks:
            for run, failure in Stack([runs[position] for position in positions]).advance(until):
                run.fail()
                failures[next(place for place in positions if runs[place] is run)] = failure
        for position, run in enumerate(runs):
            if failures[position] is None:
                try:
                    run.advance(until=until)
                except ValueError as failure:
                    run.fail()
                    failures[position] = failure
    except BaseException:
        for run in runs:
            run.fail()
        raise
    return failures
