"""Prediction with onnxruntime, from a file of `to_onnx`, against the estimator that the file was made of.

    python tests/benchmarks/benchmark_onnx.py [part ...]

Each part prints rows of a Markdown table: the quantity, its figure, the bound and the figures behind it. Times are
ratios of the medians of calls that alternate in one process, on one thread; they are times of the processor. Both
predict classes: the estimator from samples as in ``fit``, the graph from its arrays, which for strings are codes.
The probabilities of both are compared, too.
"""

from __future__ import annotations

from harness import row, run_parts  # isort: skip

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime
from sklearn.datasets import load_breast_cancer, load_digits

import sklearn_ann
from sklearn_ann.datasets import make_motif_sequences
from sklearn_ann.files import onnx_inputs


def models():
    """Return, by kind, an estimator with few epochs, 1,000 samples and their labels."""
    X, y = load_breast_cancer(return_X_y=True)
    X, y = np.resize(X, (1000, X.shape[1])), np.resize(y, 1000)
    digits, digit = load_digits(return_X_y=True)
    strings, has_motif, _ = make_motif_sequences(1000, random_state=0)
    return {
        "tabular": (sklearn_ann.TabularClassifier(), X, y),
        "attention to columns": (sklearn_ann.AttentionClassifier(attend="columns"), X, y),
        "CNN on 8 x 8 pixels": (sklearn_ann.CNNClassifier(image_shape=(8, 8)), digits[:1000], digit[:1000]),
        "CNN on DNA": (sklearn_ann.CNNClassifier(), strings, has_motif),
    }


def _session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _medians(functions, calls):
    """Call functions in turn; return the medians of their seconds."""
    times = [[] for _ in functions]
    for _ in range(calls):
        for function, own in zip(functions, times, strict=True):
            begin = time.process_time()
            function()
            own.append(time.process_time() - begin)
    return map(statistics.median, times)


def part_predict():
    """Time of a prediction for one sample and for 1,000."""
    with tempfile.TemporaryDirectory() as folder:
        for kind, (model, X, y) in models().items():
            model.set_params(max_epochs=2, random_state=0).fit(X, y)
            path = Path(folder) / "model.onnx"
            begin = time.process_time()
            sklearn_ann.to_onnx(model, X[:1], path)
            export, session = time.process_time() - begin, _session(path)
            far = np.abs(session.run(["predict_proba"], onnx_inputs(model, X))[0] - model.predict_proba(X)).max()
            for n, calls in ((1, 300), (1000, 20)):
                inputs, some = onnx_inputs(model, X[:n]), X[:n]

                def run(session=session, inputs=inputs):
                    return session.run(["predict"], inputs)

                def predict(model=model, some=some):
                    return model.predict(some)

                its, ours = _medians((run, predict), calls)
                beside = f"{1e6 * its:.0f} against {1e6 * ours:.0f} µs; probabilities differ by {far:.0e}"
                row(f"{kind}: {n:,} samples, time of onnxruntime / ours", its / ours, beside=beside)
            row(f"{kind}: to_onnx, seconds", export, beside=f"{path.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    run_parts(globals(), __doc__, needless={"predict"})
