"""Data larger than memory: the memory that fits take, and their time against the same data in memory.

    python tests/benchmarks/benchmark_streams.py [part ...] [--small]

Data are written to a temporary folder and removed: 4 GiB for the memory map, about 1 GiB for the others; ``--small``
writes a few MiB. Each fit whose memory is measured runs in a process of its own. Memory is the greatest RssAnon, which
Linux says in /proc/self/status every ten milliseconds, above that of the interpreter with all imports: what cannot be
given back, without the pages of files. The memory map is fitted under RLIMIT_DATA, so that an allocation beyond the
limit fails. Its file is not in the page cache at the beginning. Times alternate in one process, on one thread.
"""

from __future__ import annotations

from harness import DATA, race, row  # isort: skip

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import scipy.sparse as sp
import torch
from loaders import houses

from sklearn_ann import AutoEncoderTransformer, Chunks, TabularClassifier, TabularRegressor, VAESampler

MIB = 2**20
LIMIT = 1024  # MiB
N_FEATURES = 1024
N_GENES = 2000


# --- Data ------------------------------------------------------------------------------------------------------------


def write_map(path, n_rows):
    """Write rows of twenty factors and noise, float32, block by block."""
    rng = np.random.default_rng(0)
    factors = rng.standard_normal((20, N_FEATURES), dtype=np.float32)
    file = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(n_rows, N_FEATURES))
    noise = rng.standard_normal((2048, N_FEATURES), dtype=np.float32)
    for start in range(0, n_rows, 2048):
        codes = rng.standard_normal((min(2048, n_rows - start), 20), dtype=np.float32)
        file[start : start + 2048] = codes @ factors + noise[: len(codes)]
    file.flush()
    del file
    with path.open("rb") as opened:
        os.fsync(opened.fileno())
        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def write_cells(path, n_cells):
    """Write counts of two batches and eight types of cells as a CSR matrix, about a tenth of them above zero."""
    import anndata
    import pandas as pd

    rng = np.random.default_rng(0)
    rates = np.exp(rng.normal(-3, 1.2, (8, N_GENES)))
    of_batch = np.exp(rng.normal(0, 0.3, (2, N_GENES)))
    types, batches = rng.integers(8, size=n_cells), rng.integers(2, size=n_cells)
    parts = []
    for start in range(0, n_cells, 2000):
        here = slice(start, min(start + 2000, n_cells))
        depth = rng.lognormal(0, 0.4, (here.stop - here.start, 1))
        counts = rng.poisson(depth * rates[types[here]] * of_batch[batches[here]])
        parts.append(sp.csr_matrix(counts.astype(np.float32)))
    names = pd.Index(["first", "second"], dtype=object)
    index = pd.Index([f"cell {number}" for number in range(n_cells)], dtype=object)
    obs = pd.DataFrame({"batch": pd.Categorical.from_codes(batches, categories=names)}, index=index)
    var = pd.DataFrame(index=pd.Index([f"gene {number}" for number in range(N_GENES)], dtype=object))
    anndata.AnnData(sp.vstack(parts, format="csr"), obs=obs, var=var).write_h5ad(path)


# --- Memory ----------------------------------------------------------------------------------------------------------


def anonymous():
    """Return the memory of this process that is in no file, in MiB."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) / 1024


class Watch:
    """The greatest anonymous memory while the context lasts, above that at its beginning."""

    def __enter__(self):
        self.base = self.most = anonymous()
        self.ends = threading.Event()
        self.thread = threading.Thread(target=self.look)
        self.thread.start()
        return self

    def look(self):
        while not self.ends.wait(0.01):
            self.most = max(self.most, anonymous())

    def __exit__(self, *_):
        self.ends.set()
        self.thread.join()
        self.above = self.most - self.base


def child(what, path, *arguments):
    """Run the function `child_...` of this file in a process of its own; return what it prints."""
    command = [sys.executable, __file__, "--child", what, str(path), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return json.loads(done.stdout.splitlines()[-1])


def child_write(path, kind, n_rows):
    {"map": write_map, "cells": write_cells}[kind](Path(path), int(n_rows))
    print("{}")


def child_map(path):
    model = AutoEncoderTransformer(max_epochs=1, batch_size=256, random_state=0, device="cpu")
    # The interpreter with torch has about 300 MiB of data, which count too.
    resource.setrlimit(resource.RLIMIT_DATA, (LIMIT * MIB, LIMIT * MIB))
    begin = time.perf_counter()
    with Watch() as watch:
        X = np.load(path, mmap_mode="r")
        source = X if X.nbytes >= 256 * MIB else Chunks(X, window=1)
        model.fit(source)
        fitted = time.perf_counter() - begin
        codes = model.transform(source)
    seconds = time.perf_counter() - begin
    print(json.dumps({"fit": fitted, "all": seconds, "above": watch.above, "most": watch.most, "rows": len(codes),
                      "gib": X.nbytes / 2**30, "loss": model.loss_}))  # fmt: skip


def child_cells(path, how):
    import anndata

    model = VAESampler(likelihood="negative_binomial", conditions="batch", max_epochs=2, random_state=0, device="cpu")
    begin = time.perf_counter()
    with Watch() as watch:
        adata = anndata.read_h5ad(path, backed="r" if how == "backed" else None)
        model.fit(adata)
        fitted = time.perf_counter() - begin
        codes = model.transform(adata)
    print(json.dumps({"fit": fitted, "above": watch.above, "cells": len(codes), "loss": model.loss_}))


# --- Parts -----------------------------------------------------------------------------------------------------------


def part_map(folder, small):
    """A fit and a transform of 4 GiB with 1 GiB of memory."""
    path = folder / "map.npy"
    n_rows = (8 * MIB if small else 4096 * MIB) // (4 * N_FEATURES)
    child("write", path, "map", n_rows)
    found = child("map", path)
    beside = f"{found['rows']} rows, {found['gib']:.3g} GiB; fit {found['fit']:.0f} s, transform "
    beside += f"{found['all'] - found['fit']:.0f} s; RLIMIT_DATA {LIMIT} MiB; loss {found['loss']:.4g}"
    row("memory map: most anonymous memory, interpreter included, MiB", found["most"], LIMIT, False, beside)
    row("memory map: the same above the interpreter, MiB", found["above"])
    path.unlink()


def part_time(folder, small):
    """Time of a fit against that of the same array in memory: one epoch, the check of all values included."""
    path = folder / "short.npy"
    write_map(path, 2048 if small else 131_072)
    X = np.load(path, mmap_mode="r")
    in_memory, used = np.array(X), {"memory": [], "streamed": []}

    def fit(source, what):
        begin = time.process_time()
        model = AutoEncoderTransformer(max_epochs=1, batch_size=256, random_state=0, device="cpu").fit(source)
        used[what].append(time.process_time() - begin)
        return model.loss_

    streamed = Chunks(X, window=2 if small else 64)
    ratio, beside = race(lambda: fit(streamed, "streamed"), lambda: fit(in_memory, "memory"), rounds=5)
    row("memory map: time of a fit / in memory", ratio, 1.3, False, beside)
    processor = np.median(used["streamed"]) / np.median(used["memory"])
    row("memory map: processor time of a fit / in memory", processor, 1.3, False, "both threads together")
    path.unlink()


def part_kinds(folder, small):
    """Time of other kinds, 50 columns, against an array in memory."""
    import pandas as pd

    n_rows = 4000 if small else 50_000
    rng = np.random.default_rng(0)
    values = rng.standard_normal((n_rows, 50), dtype=np.float32)
    y = values[:, 0] > 0
    window = 0.5 if small else 8
    kinds = {"chunks": Chunks([values[start : start + 10_000] for start in range(0, n_rows, 10_000)], window=window)}
    try:
        import zarr

        zarr.save(str(folder / "array.zarr"), values)
        kinds["zarr"] = Chunks(zarr.open(str(folder / "array.zarr"), mode="r"), window=window)
    except ImportError:
        print("| zarr | | | | skipped: zarr is absent |")
    try:
        import pyarrow as pa
        from pyarrow import parquet

        (folder / "parquet").mkdir()
        for part in range(4):
            frame = pd.DataFrame(values[part::4]).add_prefix("c")
            table = pa.Table.from_pandas(frame, preserve_index=False)
            parquet.write_table(table, folder / "parquet" / f"{part}.parquet", row_group_size=10_000)
        kinds["parquet"] = Chunks(folder / "parquet", window=window)
    except ImportError:
        print("| parquet | | | | skipped: pyarrow is absent |")

    def fit(X):
        return TabularClassifier(max_epochs=1, batch_size=256, random_state=0, device="cpu").fit(X, y).history_["loss"]

    for name, X in kinds.items():
        times = []
        for source in (values, X) * 2:
            begin = time.process_time()
            fit(source)
            times.append(time.process_time() - begin)
        row(f"{name}: processor time of TabularClassifier / in memory", min(times[1::2]) / min(times[::2]))


def part_order(folder, small):
    """What the mixing by windows costs: house prices, rows in random order or sorted by the price, ten windows."""
    if not DATA.exists():
        print(f"| order | | | | skipped: {DATA} is absent |")
        return
    X, y = houses()
    mixed = np.random.default_rng(0).permutation(len(X))
    train, test = mixed[: len(X) * 4 // 5], mixed[len(X) * 4 // 5 :]
    by_price = train[np.argsort(y[train], kind="stable")]
    values = X.astype(np.float32)
    window = 4 * values.shape[1] * len(train) / 10 / MIB
    kinds = {"in memory": (train, None), "chunks": (train, window), "chunks, sorted by the price": (by_price, window)}
    for name, (order, of_window) in kinds.items():
        scores = []
        for seed in range(1 if small else 3):
            source = values[order] if of_window is None else Chunks(values[order], window=of_window)
            model = TabularRegressor(max_epochs=1 if small else 8, random_state=seed, device="cpu")
            scores.append(model.fit(source, y[order]).score(values[test], y[test]))
        row(f"California, {len(train)} rows, eight epochs, ten windows: R², {name}", scores)


def part_cells(folder, small):
    """VAESampler on counts of cells in a file."""
    path = folder / "cells.h5ad"
    child("write", path, "cells", 2000 if small else 100_000)
    backed, memory = child("cells", path, "backed"), child("cells", path, "memory")
    size = path.stat().st_size / MIB
    beside = f"{backed['cells']} cells x {N_GENES} genes, file of {size:.0f} MiB; two epochs {backed['fit']:.0f} s, "
    beside += f"in memory {memory['fit']:.0f} s; loss {backed['loss']:.1f}, in memory {memory['loss']:.1f}"
    row("backed cells: memory above the interpreter, MiB", backed["above"], 500, False, beside)
    row("the same cells in memory, MiB", memory["above"])
    path.unlink()


def main():
    parts = {"map": part_map, "time": part_time, "kinds": part_kinds, "order": part_order, "cells": part_cells}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[[], *parts], help=f"any of: {', '.join(parts)}")
    parser.add_argument("--small", action="store_true", help="a few MiB of data")
    asked = parser.parse_args()
    print("| what | figure | asked | met | beside it |\n| --- | --- | --- | --- | --- |", flush=True)
    for name in asked.parts or parts:
        with tempfile.TemporaryDirectory() as folder:
            parts[name](Path(folder), asked.small)


if __name__ == "__main__":
    torch.set_num_threads(1)
    if sys.argv[1:2] == ["--child"]:
        globals()[f"child_{sys.argv[2]}"](*sys.argv[3:])
    else:
        main()
