"""An exported graph against the estimator that it was made of, on other numbers of samples, values and lengths."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from sklearn_ann.files.exchange_outputs import Output

TOLERANCE = 1e-5
_COUNTS = (1, 7)  # of samples; none of them is the number that a graph is made with


def imported() -> tuple[Any, Any]:
    """Import what the extra installs; torch's exporter needs onnxscript."""
    try:
        import onnx
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "to_onnx needs onnx, onnxscript and onnxruntime: pip install 'sklearn-ann-architectures[onnx]'"
        ) from error
    return onnx, onnxruntime


def repeated(arrays: list[np.ndarray], count: int) -> list[np.ndarray]:
    """Return `count` samples, in turn those that there are."""
    return [array[np.arange(count) % len(array)] for array in arrays]


def compare(
    content: bytes,
    graph: Any,
    arrays: list[np.ndarray],
    outputs: dict[str, Output],
    expected: dict[str, np.ndarray],
    model: Any,
    X: Any,
) -> None:
    """Run a graph with other numbers of samples than it was made with, and on other samples.

    Raises
    ------
    RuntimeError
        If it returns something else than the estimator.
    """
    owner, names = type(model).__name__, [field.name for field in graph.inputs.fields]
    session = _session(content, model)

    def run(rows: list[np.ndarray]) -> list[Any]:
        try:
            found: list[Any] = session.run(list(outputs), dict(zip(names, rows, strict=True)))
        except Exception as error:
            raise _cannot_run(model, error) from error
        return found

    sure = sure_of(model, X, expected)
    n = len(arrays[0])
    for count in {*_COUNTS, n}:
        chosen = np.arange(count) % n
        for (name, output), found in zip(outputs.items(), run(repeated(arrays, count)), strict=True):
            own, counted = np.asarray(expected[name])[chosen], None if sure is None else sure[chosen]
            hold(owner, name, found, own, output, counted if name == "predict" else None)
    varied = graph.inputs.varied(repeated(arrays, _COUNTS[1]), np.random.default_rng(0))
    of_network = graph(*map(torch.from_numpy, varied))
    for (name, output), found, own in zip(outputs.items(), run(varied), of_network, strict=True):
        if own.is_floating_point():  # others are decided by numbers, which may be as good as equal
            hold(owner, name, found, own.numpy(), output, None)


def _cannot_run(model: Any, error: Exception) -> NotImplementedError:
    """Say that onnxruntime, which has its own kinds of errors, cannot run a graph."""
    double = model.resolved_parameters_.precision == "float64"
    hint = ". It computes convolutions and recurrent layers in float32 alone; precision is 'float64'" if double else ""
    return NotImplementedError(
        f"onnxruntime cannot run the graph of this {type(model).__name__}: {str(error)[:300]}{hint}"
    )


def _session(content: bytes, model: Any) -> Any:
    _, onnxruntime = imported()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # no threads are started
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise _cannot_run(model, error) from error


def sure_of(model: Any, X: Any, expected: dict[str, Any]) -> np.ndarray | None:
    """Return which predictions are more than a matter of the last digits; None for all."""
    if "predict" not in expected or not hasattr(model, "decision_function"):
        return None
    decisions = np.asarray(model.decision_function(X), dtype=np.float64)
    if decisions.ndim == np.ndim(expected["predict"]):
        return np.asarray(np.abs(decisions) > 10 * TOLERANCE)
    best = np.sort(decisions, axis=1)[:, -2:]
    return np.asarray(best[:, 1] - best[:, 0] > 10 * TOLERANCE)


def hold(owner: str, name: str, found: Any, own: np.ndarray, output: Output, counted: np.ndarray | None) -> None:
    """Compare what a graph returned with what the estimator does."""
    found = np.asarray(found)
    if found.shape != own.shape:
        raise RuntimeError(f"the graph of this {owner} returns {name} of shape {found.shape} instead of {own.shape}")
    if found.dtype.kind == "f" and own.dtype.kind == "f" and not counted is not None:
        far = np.abs(found - own) / np.maximum(output.unit, np.abs(own))
        far = np.where(np.isnan(found) & np.isnan(own), 0.0, far)
        wrong = ~(far <= TOLERANCE)
    else:
        wrong = found != own
    wrong &= True if counted is None else counted
    if wrong.any():
        sample = int(wrong.reshape(len(wrong), -1).any(axis=1).argmax())
        raise RuntimeError(
            f"the graph of this {owner} returns {name}={found[sample]} for sample {sample} of {len(found)}, but the "
            f"estimator {own[sample]}: they must be equal to {TOLERANCE}. No file was written"
        )
