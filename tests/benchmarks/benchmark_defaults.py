"""Our estimators by defaults against what a user has already, on every task of the proving ground.

    python tests/benchmarks/benchmark_defaults.py --cases 'signals|tables/wine' --seeds 3 --out results.jsonl
    python tests/benchmarks/benchmark_defaults.py --label cosine --set "CNNClassifier.learning_rate_schedule='cosine'"
    python tests/benchmarks/benchmark_defaults.py --table --picture defaults.png

The tasks are in ``proving_ground.py``; a case is a task and one of our estimators. Each result is a line of the file
`--out`: what is there is not run again, so that a run can be stopped and repeated, and baselines are shared by all
labels. `--set` changes a parameter of a class and its subclasses for an experiment under a label of its own.
Seconds are those of fit and prediction on one thread, as the time of the processor that the process used: they hardly
depend on what else the machine does.
"""

from __future__ import annotations

from harness import DATA  # isort: skip

import argparse
import ast
import json
import re
import signal
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from proving_ground import METRICS, TASKS
from sklearn.pipeline import Pipeline
from verdicts import BASELINE, comparison, picture, read, summary, table, verdicts

import sklearn_ann


def changed(model, changes):
    """Set parameters of a model and of what it holds, by the name of a class or of one of its bases."""
    parts = [model, *(value for value in model.get_params().values() if hasattr(value, "get_params"))]
    for change in changes:
        target, _, value = change.partition("=")
        kind, _, name = target.strip().partition(".")
        for part in parts:
            if any(base.__name__ == kind for base in type(part).__mro__):
                part.set_params(**{name: ast.literal_eval(value.strip())})
    return model


def check(changes):
    """Refuse a change of a class that no estimator has: it would run the defaults under another label."""
    known = {
        base.__name__ for name in sklearn_ann.__all__ for base in getattr(getattr(sklearn_ann, name), "__mro__", ())
    }
    for change in changes:
        if not re.fullmatch(rf"({'|'.join(known)})\.\w+=.+", change):
            raise SystemExit(f"--set {change!r}: expected the class of an estimator or one of its bases, NAME=VALUE")


def out_of_time(*_):
    raise TimeoutError


def fitted(model, X, y, groups):
    """Fit a model; our estimators are told which samples belong together."""
    if groups is None:
        return model.fit(X, y)
    last = model.steps[-1] if isinstance(model, Pipeline) else None
    return model.fit(X, y, **{"groups" if last is None else f"{last[0]}__groups": groups})


def run(task, make, seed, full, changes, is_ours):
    """Fit and score a model on the parts of a task; return what is written down."""
    ask, score = METRICS[task.metric]
    parts = task.load(seed, full)
    scores, learned, epochs, told = [], [], [], Counter()
    cpu = wall = 0.0
    for X, y, X_test, y_test, *groups in parts if isinstance(parts, list) else [parts]:
        model = changed(make(seed), changes)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            begin = time.process_time(), time.perf_counter()
            fitted(model, X, y, groups[0] if groups and is_ours else None)
            answer = ask(model, X_test, y_test)
            cpu, wall = cpu + time.process_time() - begin[0], wall + time.perf_counter() - begin[1]
            scores.append(float(score(y_test, answer)))
            if is_ours and y is not None:
                learned.append(float(score(y, ask(model, X, y))))
        told.update(warning.category.__name__ for warning in caught)
        epochs.append(getattr(model[-1] if isinstance(model, Pipeline) else model, "n_iter_", None))
    result = {"score": np.mean(scores), "seconds": round(cpu, 3), "wall": round(wall, 3), "warnings": dict(told)}
    if is_ours:
        result["n_epochs"] = float(np.mean(epochs))
        result["train_score"] = np.mean(learned) if learned else None
    return result


def guarded(limit, *arguments):
    """Run under a limit of seconds of the processor; return what is written down, or why there is nothing."""
    signal.signal(signal.SIGPROF, out_of_time)
    signal.setitimer(signal.ITIMER_PROF, limit)
    begin = time.perf_counter()
    try:
        return run(*arguments)
    except TimeoutError:
        return {"skipped": f"more than {limit} s"}
    except Exception as error:  # noqa: BLE001 - one case that fails must not stop the others
        return {"skipped": f"{type(error).__name__}: {error}"[:500], "wall": round(time.perf_counter() - begin, 3)}
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def jobs(tasks, cases, seeds):
    """Yield task, entrant, seed, side and factory: all of the first seed, the cheapest first, then the next seed."""
    for seed in range(seeds):
        for task in sorted(tasks, key=lambda task: task.cost):
            entrants = {name: make for name, make in task.entrants.items() if re.search(cases, f"{task.name}:{name}")}
            if entrants:
                yield from ((task, None, seed, name, make) for name, make in task.baselines.items())
                yield from ((task, name, seed, "ours", make) for name, make in entrants.items())


def run_all(options):
    results = [r for r in read(options.out) if "score" in r or not options.again]
    done = {(r["case"], r["label"], r["seed"], r["side"]) for r in results}
    for task, entrant, seed, side, make in jobs(TASKS, options.cases, options.seeds):
        is_ours = entrant is not None
        case = f"{task.name}:{entrant}" if is_ours else task.name
        label = options.label if is_ours else BASELINE
        if options.full:
            case += ":full"
        if (case, label, seed, side) in done:
            continue
        found = guarded(options.limit, task, make, seed, options.full, options.set if is_ours else [], is_ours)
        line = {"case": case, "task": task.name, "metric": task.metric, "label": label, "seed": seed, "side": side}
        line |= found | ({"set": options.set} if is_ours and options.set else {})
        with options.out.open("a") as file:
            file.write(json.dumps(line) + "\n")
        told = found.get("skipped") or f"{found['score']:.4f} in {found['seconds']:.1f} s"
        print(f"{case}, {label}, {side}, seed {seed}: {told}", flush=True)


def show(options):
    """Print tables and summaries of what the file holds, and compare its labels; draw the picture."""
    found = [
        verdict
        for verdict in verdicts(read(options.out))
        if re.search(options.cases, verdict.case) and re.search(options.labels, verdict.label)
    ]
    labels = {verdict.label: [v for v in found if v.label == verdict.label] for verdict in found}
    if options.table:
        for label, own in labels.items():
            print(table(own), "", summary(label, own), "", sep="\n")
        if len(labels) > 1:
            print(comparison(found))
    if options.picture:
        picture(found, options.picture)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--cases", default="", help="regular expression of the cases to run, such as 'dna/|tables/.*:rows'"
    )
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds, from 0")
    parser.add_argument("--out", type=Path, default=Path("benchmark_defaults.jsonl"), help="file of the results")
    parser.add_argument(
        "--set", nargs="+", action="extend", default=[], metavar="CLASS.NAME=VALUE", help="parameters to change"
    )
    parser.add_argument("--label", default="defaults", help="name of these settings in the file of the results")
    parser.add_argument("--limit", type=int, default=600, help="processor seconds that one fit and its scores may take")
    parser.add_argument("--again", action="store_true", help="try once more what failed or took too long")
    parser.add_argument("--full", action="store_true", help="all the data, instead of a part of the large sets")
    parser.add_argument("--table", action="store_true", help="print the results in the file, and run nothing")
    parser.add_argument("--picture", type=Path, help="file of a picture of the results; nothing is run")
    parser.add_argument("--labels", default="", help="regular expression of the labels to print and draw")
    options = parser.parse_args()
    if options.table or options.picture:
        show(options)
        return
    torch.set_num_threads(1)
    if not DATA.exists():
        raise SystemExit(f"{DATA} is absent")
    check(options.set)
    run_all(options)


if __name__ == "__main__":
    main()
