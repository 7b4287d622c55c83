"""One fit on two processes of one thread each against one process of one thread: weights and time.

    python tests/benchmarks/benchmark_distributed.py [part ...]

Each part prints rows of a Markdown table: the quantity, its figure, the bound and the figures behind it. One process
and the two that torchrun starts take turns, with the best of four fits each; the ratio is that of the medians. Beside
it is the processor's time of the busier of the two processes, relative to that of one: what the ratio would be if
messages took no time and nobody else used the cores. The bound is that of the large dense network alone.

Weights are compared after ten steps: Adam divides a gradient by its size, and so makes rounding errors as large as
steps wherever a gradient is nearly zero. Beside them is how far float32 and float64 are apart in one process.
"""

from __future__ import annotations

from harness import mnist, row, run_parts  # isort: skip

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer

from sklearn_ann import AttentionClassifier, AutoEncoderTransformer, CNNClassifier

ROUNDS = int(os.environ.get("ROUNDS", 3))
FITS = 4


def _digits(n):
    images, labels = mnist("train")
    return (images[:n].reshape(n, -1) / 255).astype(np.float32), labels[:n]


def _columns(n):
    X, y = load_breast_cancer(return_X_y=True)
    return np.tile(X, (-(-n // len(X)), 1))[:n], np.tile(y, -(-n // len(y)))[:n]


def _dense(widths, batch):
    return AutoEncoderTransformer(hidden_layer_sizes=widths, n_components=32, batch_size=batch)


def _cnn(batch, **settings):
    return CNNClassifier(image_shape=(28, 28), batch_size=batch, max_grad_norm=None, **settings)


def _attention(batch):
    return AttentionClassifier(attend="columns", batch_size=batch)


CASES = {
    "dense 784-64, batch 64": (_dense, ((64,), 64), _digits, 2048, 4),
    "dense 784-1024-512, batch 256": (_dense, ((1024, 512), 256), _digits, 4096, 2),
    "dense 784-1024-512, batch 1024": (_dense, ((1024, 512), 1024), _digits, 4096, 3),
    "CNN 28 x 28, batch 32": (_cnn, (32,), _digits, 1024, 2),
    "CNN 28 x 28, batch 256": (_cnn, (256,), _digits, 1024, 3),
    "attention on 30 columns, batch 32": (_attention, (32,), _columns, 1024, 1),
    "attention on 30 columns, batch 256": (_attention, (256,), _columns, 1024, 2),
}


def fit(case, folder, precision, n_steps=None):
    """Fit in this process, which may be one of several; leave its weights and seconds."""
    make, arguments, data, n, epochs = CASES[case]
    torch.set_num_threads(1)
    if n_steps is not None:
        n, epochs = int(n_steps) * arguments[-1], 1
    X, y = data(n)
    model = make(*arguments).set_params(precision=precision, random_state=0, tol=0.0)
    model.set_params(max_epochs=1, n_iter_no_change=epochs + 1).fit(X[:64], y[:64])
    model.set_params(max_epochs=epochs)
    times = []
    for _ in range(FITS if n_steps is None else 1):
        begin, of_processor = time.perf_counter(), time.process_time()
        model.fit(X, y)
        times.append((time.perf_counter() - begin, time.process_time() - of_processor))
    rank = os.environ.get("RANK", "alone")
    weights = {name: value.numpy() for name, value in model.module_.state_dict().items()}
    np.savez(folder / f"{rank}.npz", **weights)
    (folder / f"{rank}.json").write_text(json.dumps(np.min(times, axis=0).tolist()))


def _run(case, folder, precision, several, *n_steps):
    launcher = []
    if several:
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            port = found.getsockname()[1]
        launcher = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", str(port)]
    command = [sys.executable, *launcher, __file__, "--fit", case, str(folder), precision, *n_steps]
    subprocess.run(command, check=True, capture_output=True, timeout=600)
    names = ("0", "1") if several else ("alone",)
    return np.max([json.loads((folder / f"{name}.json").read_text()) for name in names], axis=0)


def _furthest(first, second):
    return max(float(np.abs(first[name].astype(float) - second[name]).max(initial=0)) for name in first)


def part_weights():
    """Largest difference of a weight after ten steps, one process and two."""
    for case in ("dense 784-64, batch 64", "CNN 28 x 28, batch 32", "attention on 30 columns, batch 32"):
        alone = {}
        for precision, bound in (("float64", 1e-12), ("float32", 1e-6)):
            with tempfile.TemporaryDirectory() as name:
                for several in (False, True):
                    _run(case, Path(name), precision, several, "10")
                alone[precision], first, second = (
                    dict(np.load(Path(name) / f"{rank}.npz")) for rank in ("alone", "0", "1")
                )
            if _furthest(first, second):
                raise RuntimeError("the two processes have different weights")
            far = _furthest(alone[precision], first)
            met = "yes" if far <= bound else "**no**"
            between = f"float32 and float64 {_furthest(*alone.values()):.1e} apart" if len(alone) == 2 else ""
            print(f"| {case}, {precision}: weights | {far:.1e} | ≤ {bound:g} | {met} | {between} |", flush=True)


def part_time():
    """Seconds of a fit on two processes, relative to one."""
    for case in CASES:
        seconds = {False: [], True: []}
        with tempfile.TemporaryDirectory() as name:
            for _ in range(ROUNDS):
                for several in (False, True):
                    seconds[several].append(_run(case, Path(name), "float32", several))
        one, two = (np.array(seconds[several]) for several in (False, True))
        ratio = statistics.median(two[:, 0]) / statistics.median(one[:, 0])
        of_processor = statistics.median(two[:, 1]) / statistics.median(one[:, 1])
        bound = 0.65 if case.startswith("dense 784-1024-512, batch 1024") else None
        beside = f"{statistics.median(one[:, 0]):.2f} s by one; of the processor {of_processor:.2f}"
        row(f"{case}: time on two processes", ratio, bound, at_least=False, beside=beside)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--fit"]:
        fit(sys.argv[2], Path(sys.argv[3]), *sys.argv[4:])
    else:
        run_parts(globals(), __doc__)
