"""Many trainings side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sklearn_ann.training.alike import alike
from sklearn_ann.training.device import repeatable
from sklearn_ann.training.loop import Training
from sklearn_ann.training.stack import Stack


def train_together(runs: Sequence[Training], *, until: int | None = None) -> list[Exception | None]:
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
    list of Exception or None
        What made a training fail, for each; None for those that did not. A failed training has the weights of its last
        good epoch.

    Raises
    ------
    KeyboardInterrupt
        As it came. All have the weights of their last good epochs again.
    """
    failures: list[Exception | None] = [None] * len(runs)
    stacks, _ = alike(runs)
    try:
        for positions in stacks:
            stacked = [runs[position] for position in positions]
            for run, failure in _stack_advanced(stacked, until):
                run.fail()
                failures[next(place for place in positions if runs[place] is run)] = failure
        for position, run in enumerate(runs):
            if failures[position] is None:
                try:
                    run.advance(until=until)
                except Exception as failure:  # noqa: BLE001 (the others go on)
                    run.fail()
                    failures[position] = failure
    except BaseException:
        for run in runs:
            run.fail()
        raise
    return failures


def _stack_advanced(runs: list[Training], until: int | None) -> Iterator[tuple[Training, Exception]]:
    """Advance a stack and yield those that fail; what goes wrong in a batch, such as memory, is a failure of all."""
    failed = []
    try:
        stack = Stack(runs)
        with repeatable(runs[0].device), stack.effort.threads():
            for run, failure in stack.advance(until):
                failed.append(run)
                yield run, failure
    except Exception as failure:  # noqa: BLE001 (other stacks go on)
        yield from ((run, failure) for run in runs if run not in failed)
