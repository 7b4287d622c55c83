"""Many trainings side by side."""

from __future__ import annotations

from collections.abc import Sequence

from sklearn_ann.training.loop import Training


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
    failures: list[ValueError | None] = []
    for run in runs:
        try:
            run.advance(until=until)
        except ValueError as failure:
            run.fail()
            failures.append(failure)
        else:
            failures.append(None)
    return failures
