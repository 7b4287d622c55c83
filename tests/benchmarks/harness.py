"""Helpers of the benchmarks: data folder, rows of the result table, counted optimiser steps, and a choice of parts.

Import this file first: it sets the number of threads before NumPy starts them.
"""

from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"

import argparse
import gzip
import statistics
import time
import warnings
from pathlib import Path
from unittest.mock import patch

warnings.simplefilter("ignore")

import numpy as np
import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

from sklearn_ann.training.optimizers import FusedAdam

DATA = Path(__file__).parents[3] / "shared" / "data"


def row(what, values, bound=None, at_least=True, beside=""):
    """Print a row of the result table: the mean of `values`, and their range if there are several."""
    values = np.atleast_1d(np.asarray(values, dtype=float))
    mean = values.mean()
    met = "" if bound is None else "yes" if (mean >= bound) == at_least else "**no**"
    asked = "" if bound is None else f"{'≥' if at_least else '≤'} {bound:.4g}"
    spread = f" ({values.min():.3f} to {values.max():.3f}, {len(values)} runs)" if len(values) > 1 else ""
    print(f"| {what} | {mean:.3f}{spread} | {asked} | {met} | {beside} |", flush=True)


def mnist(part):
    """Return images of shape (n, 28, 28) with values from 0 to 255, and labels; `part` is "train" or "t10k"."""
    arrays = []
    for name, offset in ((f"{part}-images-idx3", 16), (f"{part}-labels-idx1", 8)):
        with gzip.open(DATA / "mnist" / f"{name}-ubyte.gz") as file:
            arrays.append(np.frombuffer(file.read(), dtype=np.uint8, offset=offset))
    images, labels = arrays
    return images.reshape(-1, 28, 28), labels.astype(int)


def steps_of(function, *args, **settings):
    """Call a function; return the number of its optimiser steps, its result and its seconds."""
    count = 0

    def hook(*_):
        nonlocal count
        count += 1

    def counted(self, closure=None):  # ours calls no hooks
        hook()
        return step(self, closure)

    handle, step = register_optimizer_step_post_hook(hook), FusedAdam.step
    begin = time.perf_counter()
    try:
        with patch.object(FusedAdam, "step", counted):
            counted.hooked = True
            result = function(*args, **settings)
    finally:
        handle.remove()
    return count, result, time.perf_counter() - begin


def race(ours, peer, rounds=5, alike=0.05):
    """Run two functions in turn; both return their final loss, or None if the losses cannot be compared.

    Returns
    -------
    ratio : float
        The median of the ratios of their seconds.
    beside : str
        The steps, milliseconds and losses behind the ratio.

    Raises
    ------
    RuntimeError
        If the numbers of steps differ, or if the losses differ by more than the fraction `alike`.
    """
    ratios = []
    for _ in range(rounds):
        (steps, loss, seconds), (peer_steps, peer_loss, peer_seconds) = steps_of(ours), steps_of(peer)
        if steps != peer_steps or (loss is not None and abs(loss / peer_loss - 1) > alike):
            raise RuntimeError(f"{steps} and {peer_steps} steps, losses {loss} and {peer_loss}: not the same work")
        ratios.append(seconds / peer_seconds)
    beside = f"{steps} steps each; {1e3 * seconds / steps:.2f} against {1e3 * peer_seconds / steps:.2f} ms a step"
    if loss is not None:
        beside += f"; final loss {loss:.3g} against {peer_loss:.3g}"
    return statistics.median(ratios), beside


def run_parts(functions, description, needless=()):
    """Run the functions `part_...` that the command line names, or all; the parts in `needless` need no real data."""
    parts = {name.removeprefix("part_"): part for name, part in functions.items() if name.startswith("part_")}
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[[], *parts], help=f"any of: {', '.join(parts)}")
    chosen = parser.parse_args().parts or parts
    torch.set_num_threads(1)
    print("| what | figure | asked | met | beside it |\n| --- | --- | --- | --- | --- |", flush=True)
    for name in chosen:
        if name in needless or DATA.exists():
            parts[name]()
        else:
            print(f"| {name} | | | | skipped: {DATA} is absent |", flush=True)
