"""Files of models: size against joblib's, and time and memory of opening a model of 1 GiB.

    python tests/benchmarks/benchmark_files.py [part ...]

Each part prints rows of a Markdown table: the quantity, its figure, the bound and the figures behind it. Opening is
compared with reading the same file into memory, in turn, in one process that has nothing else to do; the file is in
the page cache for both. The part `large` takes about 8 GiB of memory, for the training, and 1 GiB of disk.
"""

from __future__ import annotations

from harness import row, run_parts  # isort: skip

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import joblib
import numpy as np

import sklearn_ann

sys.path.insert(0, str(Path(__file__).parents[1]))

REPEATS = 5

_MEASURE = """
import gc, json, sys, time
import numpy, torch
torch.set_num_threads(1)
import sklearn_ann
from pathlib import Path

def kilobytes(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1])

path, mapped, repeats = Path(sys.argv[1]), sys.argv[2] == "mapped", int(sys.argv[3])
small = Path(sys.argv[4])
sklearn_ann.load(small).predict_proba(numpy.zeros((1, 4)))  # what is imported and allocated once
before = kilobytes("VmRSS")
Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew; it would be that of the parent's training
model = sklearn_ann.load(path, memory_map=mapped)
taken = (kilobytes("VmHWM") - before) * 1024
del model
times = {"read": [], "load": []}
for _ in range(repeats):
    for name, function in (("read", path.read_bytes), ("load", lambda: sklearn_ann.load(path, memory_map=mapped))):
        gc.collect()
        begin = time.perf_counter()
        result = function()
        times[name].append(time.perf_counter() - begin)
        del result
print(json.dumps({"memory": taken, **times}))
"""


def part_size():
    """Size of the file against joblib's, for every public estimator on the data of the tests."""
    from discovery import BRIEF, NEURAL, PUBLIC, data_for

    own = [estimator for estimator in NEURAL if estimator not in PUBLIC]
    with tempfile.TemporaryDirectory() as folder:
        one, other = Path(folder) / "model.sklann", Path(folder) / "model.joblib"
        for what, optimizer, bound in (("size / joblib's", False, 1.1), ("the same with the optimiser", True, None)):
            ratios = {}
            for estimator in NEURAL:
                model = estimator(**BRIEF).fit(*data_for(estimator))
                sklearn_ann.save(model, one, optimizer=optimizer, trusted=own)
                joblib.dump(model, other)
                ratios[estimator.__name__] = one.stat().st_size / other.stat().st_size
            worst = max(ratios, key=ratios.get)
            row(f"{what}, greatest of {len(ratios)}", ratios[worst], bound, at_least=False, beside=worst)
            row(f"{what}, median", np.median(list(ratios.values())))


def part_large():
    """A model of 1 GiB: an auto-encoder of 4,096 features and a layer of 32,768 units, after one optimiser step."""
    X = np.random.default_rng(0).normal(size=(8, 4096)).astype(np.float32)
    wide = sklearn_ann.AutoEncoderTransformer(n_components=8, hidden_layer_sizes=(32768,), max_epochs=1, random_state=0)
    small = sklearn_ann.TabularClassifier(max_epochs=1, random_state=0).fit(np.eye(4), [0, 1, 0, 1])
    with tempfile.TemporaryDirectory() as folder:
        path, other = Path(folder) / "model.sklann", Path(folder) / "small.sklann"
        sklearn_ann.save(small, other)
        expected = wide.fit(X).transform(X)
        sklearn_ann.save(wide, path)
        assert np.array_equal(sklearn_ann.load(path).transform(X), expected)
        size = path.stat().st_size
        del wide
        for kind in ("read", "mapped"):
            arguments = [sys.executable, "-W", "ignore", "-c", _MEASURE, str(path), kind, str(REPEATS), str(other)]
            found = json.loads(subprocess.run(arguments, check=True, capture_output=True, text=True).stdout)
            row(f"{kind}: memory / size", found["memory"] / size, 1.1, at_least=False, beside=f"{size / 2**30:.2f} GiB")
            read, load = (np.min(found[name]) for name in ("read", "load"))
            row(f"{kind}: time / reading", load / read, 1.5, at_least=False, beside=f"{load:.2f} s / {read:.2f} s")


if __name__ == "__main__":
    run_parts(globals(), __doc__, needless={"size", "large"})
