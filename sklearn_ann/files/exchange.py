"""Write a fitted network as an ONNX graph, which runs without this package, and hold the graph against the network."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import random
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from sklearn_ann import training
from sklearn_ann._sklearn import num_samples, safe_indexing
from sklearn_ann._version import __version__
from sklearn_ann.base import NeuralEstimator
from sklearn_ann.embedding import EntityEmbeddingTransformer
from sklearn_ann.files.archive import replaced
from sklearn_ann.files.exchange_inputs import (
    SAMPLES,
    CodeInputs,
    EntityInputs,
    GridInputs,
    Inputs,
    LetterInputs,
    RowInputs,
    SeriesInputs,
    StandardizedInputs,
    TableInputs,
)
from sklearn_ann.files.exchange_outputs import DECODING, USUAL, Output, Run, outputs_of
from sklearn_ann.files.exchange_recurrent import with_operators
from sklearn_ann.reading import GridReader, LetterReader, RowReader, StandardizedRowReader, TableReader
from sklearn_ann.reading.conditions import ConditionedReader
from sklearn_ann.reading.series import SeriesReader

OPSET = 18
TOLERANCE = 1e-5
_MOST_ROWS = 64  # samples that a graph is compared on
_COUNT, _OTHER_COUNTS = 2, (1, 7)  # of samples that a graph is made with, and that it is compared with
_LENGTH = 96  # of free axes that a graph is made with: none that is pooled comes down to 1, which would be fixed
_MOST_BYTES = 2**31 - 2**20  # of weights: Protocol Buffers hold no 2 GiB
_LOGGERS = ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")
_KINDS = (
    "tables (TabularClassifier, TabularRegressor, AttentionClassifier, AttentionRegressor, EntityEmbeddingTransformer), "
    "rows and images (AutoEncoderTransformer, AutoEncoderOutlierDetector, VAESampler), and strings, signals and images "
    "(CNNClassifier, CNNRegressor, RNNClassifier, RNNRegressor, AttentionClassifier, AttentionRegressor, "
    "MaskedSequenceModel)"
)


def to_onnx(model: Any, X: Any, path: str | os.PathLike, *, methods: Sequence[str] | None = None) -> None:
    """Write a fitted estimator to a file in the format of ONNX, which other programs and languages run.

    Parameters
    ----------
    model : estimator
        A fitted estimator of this package.
    X : samples as in ``fit``
        One sample or some, such as ``X[:1]``, which say in what shape later ones come. The graph is compared with the
        estimator on up to 64 of them.
    path : str or path-like
        The file; its name ends in ``.onnx``. A file of this name is replaced when the new one is complete and checked.
    methods : sequence of str or None, default=None
        The outputs of the graph. None: those of ``"predict"``, ``"predict_proba"`` and ``"transform"`` that the
        estimator has. Further ones are ``"decision_function"``, ``"reconstruct"`` of an auto-encoder and, alone in a
        file, ``"inverse_transform"``, for which X are codes.

    Raises
    ------
    NotImplementedError
        If the estimator is one of this package that has no graph, such as those of graphs; or if the exporter or
        onnxruntime cannot do what the network does.
    TypeError
        If `model` is no estimator of this package.
    ValueError
        If `path`, `methods`, `X` or the precision of the fit are not as described here.
    RuntimeError
        If the graph returns something else than the estimator does. There is no file then.

    Notes
    -----
    Inputs are ``X`` for numbers, ``codes`` for letters and categories, and ``lengths`` or ``sizes`` if samples differ
    in size; `sklearn_ann.files.onnx_inputs` returns them for samples as in ``fit``. Outputs have the names of the
    methods and the types that these return. The first axis of all is that of the samples, of any number. Scaling,
    classes, probabilities and the unit of a target are in the graph. What comes before it, the codes, is described in
    the metadata of the file, in JSON under the name ``sklearn_ann``.

    Before the file is written, onnxruntime runs the graph with one sample, with several, and on other samples and
    lengths than it was made with; what it returns must be equal to what the estimator returns to 1e-5, of a
    standard deviation of the target in a regressor.

    The graph has the operators of opset 18. It takes numbers as they are: where an estimator names a sample that is not
    finite, the graph returns NaN.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from onnxruntime import InferenceSession
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_ann import TabularClassifier, to_onnx
    >>> X, y = load_iris(return_X_y=True)
    >>> model = TabularClassifier(random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_onnx(model, X[:1], pathlib.Path(folder) / "iris.onnx")
    ...     session = InferenceSession(pathlib.Path(folder) / "iris.onnx")
    >>> session.run(["predict"], {"X": X[::50]})
    [array([0, 1, 2])]
    """
    _check_model(model)
    path = _checked_path(path)
    _imported()
    twin = _on_cpu(model)
    with training.isolated():
        available = outputs_of(twin)
        chosen = _chosen(methods, available, type(model).__name__)
        inputs = _inputs_of(twin, X, decoding=DECODING in chosen)
        X = _first_rows(X)
        arrays = inputs.arrays(X)
    expected = {name: getattr(twin, name)(X) for name in chosen}
    outputs = {name: available[name] for name in chosen}
    with _undisturbed():
        graph = Graph(with_operators(twin.module_), inputs, [output.function for output in outputs.values()])
        content = _graph_of(graph, arrays, outputs, twin)
        _compare(content, graph, arrays, outputs, expected, twin, X)
    with replaced(path) as file:
        file.write(content)


def onnx_inputs(model: Any, X: Any) -> dict[str, np.ndarray]:
    """Return samples as the graph of `sklearn_ann.to_onnx` takes them.

    Parameters
    ----------
    model : estimator
        The fitted estimator of the graph.
    X : samples as in ``fit``
        The samples.

    Returns
    -------
    dict of str to array
        By the names of the graph's inputs, for ``InferenceSession.run``.

    Examples
    --------
    >>> from sklearn_ann import CNNClassifier
    >>> from sklearn_ann.files import onnx_inputs
    >>> strings = ["ACGTACG", "TTTTCC", "ACGAACGA", "TTCTCT"] * 5
    >>> model = CNNClassifier(max_epochs=1, random_state=0).fit(strings, [0, 1, 0, 1] * 5)
    >>> {name: array.tolist() for name, array in onnx_inputs(model, ["ACG", "TT"]).items()}
    {'codes': [[0, 1, 2], [3, 3, 0]], 'lengths': [3, 2]}
    """
    _check_model(model)
    with training.isolated():
        inputs = _inputs_of(model, X, decoding=False)
        return {field.name: array for field, array in zip(inputs.fields, inputs.arrays(X), strict=True)}


# --- What is given -------------------------------------------------------------------------------------------------


def _check_model(model: Any) -> None:
    name = type(model).__name__
    if isinstance(model, Pipeline):
        raise TypeError(
            "model is a Pipeline: to_onnx writes its last step alone. Give model[-1] and model[:-1].transform(X), and "
            "convert the steps before it by the package skl2onnx"
        )
    if not isinstance(model, NeuralEstimator):
        inner = getattr(model, "best_estimator_", getattr(model, "estimator", None))
        hint = f": give the {type(inner).__name__} in it" if isinstance(inner, NeuralEstimator) else ""
        if type(model).__module__.startswith("sklearn_ann."):
            raise NotImplementedError(f"{name} has no trained network to write as a graph; there are graphs of {_KINDS}")
        raise TypeError(f"model must be a fitted estimator of this package, got {name}{hint}")
    check_is_fitted(model)
    if model.resolved_parameters_.precision == "bfloat16":
        raise ValueError(
            f"this {name} was fitted with precision='bfloat16', whose products no graph repeats: fit with 'float32'"
        )


def _checked_path(path: str | os.PathLike) -> Path:
    path = Path(path)
    if path.suffix != ".onnx":
        raise ValueError(f"path={str(path)!r}: expected a name that ends in '.onnx'")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"path={str(path)!r}: there is no folder {str(path.parent)!r}")
    if path.is_dir():
        raise IsADirectoryError(f"path={str(path)!r} is a folder")
    return path


def _imported() -> tuple[Any, Any]:
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


def _on_cpu(model: NeuralEstimator) -> NeuralEstimator:
    """Return a copy of an estimator with a network of its own, on the CPU and in evaluation mode."""
    import copy

    twin: NeuralEstimator = object.__new__(type(model))
    module = copy.deepcopy(model.module_).cpu().eval().requires_grad_(False)
    vars(twin).update(vars(model) | {"module_": module, "_device": torch.device("cpu")})
    return twin


def _chosen(methods: Sequence[str] | None, available: dict[str, Output], owner: str) -> list[str]:
    if not available:
        raise NotImplementedError(f"{owner} has no method that a graph could repeat; there are graphs of {_KINDS}")
    if methods is None:
        return [name for name in USUAL if name in available]
    if isinstance(methods, str):
        raise TypeError(f"methods={methods!r}: expected a list of names, such as [{methods!r}]")
    chosen = list(dict.fromkeys(methods))
    unknown = [name for name in chosen if name not in available]
    if unknown or not chosen:
        raise ValueError(f"methods={list(methods)!r}: expected some of {list(available)}, the outputs of {owner}")
    if DECODING in chosen and len(chosen) > 1:
        raise ValueError(f"methods={list(methods)!r}: {DECODING!r} reads codes, so that it is alone in its file")
    return chosen


_INPUTS: dict[type, Callable[[Any, Any], Inputs]] = {
    RowReader: RowInputs,
    StandardizedRowReader: StandardizedInputs,
    TableReader: TableInputs,
    SeriesReader: SeriesInputs,
    GridReader: GridInputs,
    LetterReader: LetterInputs,
}


def _inputs_of(model: Any, X: Any, decoding: bool) -> Inputs:
    if decoding:
        return CodeInputs(model._check_codes)
    reader = model.reader_
    if isinstance(reader, ConditionedReader):  # codes do not depend on conditions
        reader = reader.rows
    if isinstance(model, EntityEmbeddingTransformer):
        return EntityInputs(reader, X)
    if isinstance(reader, LetterReader) and "max_length" in model.resolved_parameters_:
        return LetterInputs(reader, X, model.resolved_parameters_.max_length)
    if type(reader) not in _INPUTS:
        raise NotImplementedError(
            f"{type(model).__name__} was fitted on samples that {type(reader).__name__} reads, which no graph takes; "
            f"there are graphs of {_KINDS}"
        )
    return _INPUTS[type(reader)](reader, X)


def _first_rows(X: Any) -> Any:
    try:
        return X if num_samples(X) <= _MOST_ROWS else safe_indexing(X, np.arange(_MOST_ROWS))
    except TypeError:  # of something that has no number of samples, which the reader names
        return X


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep what the exporter touches: generators, warnings, and the loggers of packages that tell what they do."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        with warnings.catch_warnings(), training.isolated(), torch.no_grad():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        torch.set_rng_state(states[2])


# --- The graph -----------------------------------------------------------------------------------------------------


class Graph(nn.Module):
    """A network between what is read of arrays and what methods return.

    Parameters
    ----------
    network : nn.Module
    inputs : Inputs
    functions : list of callable
        Of a `Run`, one for each output.
    """

    def __init__(self, network: nn.Module, inputs: Inputs, functions: list[Callable[[Run], Tensor]]) -> None:
        super().__init__()
        self.network, self._inputs, self._functions = network, inputs, functions

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Map the inputs to all outputs."""
        run = Run(self.network, self._inputs.batch(*tensors))
        return tuple(function(run) for function in self._functions)


def _rows(arrays: list[np.ndarray], count: int) -> list[np.ndarray]:
    """Return `count` samples, in turn those that there are."""
    return [array[np.arange(count) % len(array)] for array in arrays]


def _graph_of(graph: Graph, arrays: list[np.ndarray], outputs: dict[str, Output], model: Any) -> bytes:
    """Export a graph and describe it."""
    onnx, _ = _imported()
    fields, owner = graph._inputs.fields, type(model).__name__
    n_bytes = sum(part.nbytes for part in (*graph.parameters(), *graph.buffers()))
    if n_bytes > _MOST_BYTES:
        raise ValueError(f"the network of this {owner} has {n_bytes / 2**30:.1f} GiB of weights; a file takes up to 2")
    # An exporter that fixes the number of samples fails; of lengths it may assume what always holds after pooling.
    samples, dynamic = torch.export.Dim(SAMPLES), torch.export.Dim.DYNAMIC
    tensors = []
    for field, array in zip(fields, _rows(arrays, _COUNT), strict=True):
        longer = [(0, max(0, min(_LENGTH, field.greatest or _LENGTH) - n) if place in field.axes and place else 0)
                  for place, n in enumerate(array.shape)]  # fmt: skip
        tensors.append(torch.from_numpy(np.pad(array, longer)))
    shapes = tuple({place: dynamic if place else samples for place in field.axes} for field in fields)
    graph(*tensors)  # what a network computes once and keeps is no part of its graph
    try:
        exported = torch.export.export(
            graph,
            tuple(tensors),
            dynamic_shapes={"tensors": shapes},
            strict=False,
        )
        program = torch.onnx.export(
            exported,
            (),
            dynamo=True,
            verbose=False,
            opset_version=OPSET,
            input_names=[field.name for field in fields],
            output_names=list(outputs),
        )
    except Exception as error:
        message = str(error).strip().partition("\n")[0][:300]
        raise NotImplementedError(
            f"torch cannot export the network of this {owner}: {type(error).__name__}: {message}"
        ) from error
    assert program is not None
    proto = program.model_proto
    for name, output in outputs.items():
        if output.labels is not None:
            _return_text(onnx, proto.graph, name, output.labels)
    _describe(onnx, proto, graph, outputs, model)
    content: bytes = proto.SerializeToString()
    return content


def _return_text(onnx: Any, graph: Any, name: str, labels: list[str]) -> None:
    """Let an output of integers return the labels that they stand for; torch has no text."""
    codes, table = f"{name}_codes", f"{name}_labels"
    for node in graph.node:
        node.output[:] = [codes if value == name else value for value in node.output]
        node.input[:] = [codes if value == name else value for value in node.input]
    graph.initializer.append(onnx.helper.make_tensor(table, onnx.TensorProto.STRING, [len(labels)], [s.encode() for s in labels]))
    graph.node.append(onnx.helper.make_node("Gather", [table, codes], [name]))
    for value in graph.output:
        if value.name == name:
            value.type.tensor_type.elem_type = onnx.TensorProto.STRING


def _describe(onnx: Any, proto: Any, graph: Graph, outputs: dict[str, Output], model: Any) -> None:
    """Say in the file what it is; take out what the exporter says of the code on this machine."""
    for part in (*proto.graph.node, *proto.graph.value_info, *proto.graph.input, *proto.graph.output, proto.graph):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    proto.ClearField("metadata_props")
    proto.graph.name = type(model).__name__
    proto.producer_name, proto.producer_version = "sklearn_ann", __version__
    about = {
        "estimator": type(model).__name__,
        "version": __version__,
        "inputs": {field.name: field.about for field in graph._inputs.fields},
        "outputs": list(outputs),
    }
    classes = getattr(model, "classes_", None)
    if isinstance(classes, np.ndarray):
        about["classes"] = classes.tolist()
    onnx.helper.set_model_props(proto, {"sklearn_ann": json.dumps(about, default=str)})


# --- Comparison ----------------------------------------------------------------------------------------------------


def _compare(
    content: bytes,
    graph: Graph,
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
    owner, names = type(model).__name__, [field.name for field in graph._inputs.fields]
    session = _session(content, owner)

    def run(rows: list[np.ndarray]) -> list[Any]:
        try:
            found: list[Any] = session.run(list(outputs), dict(zip(names, rows, strict=True)))
        except Exception as error:  # onnxruntime has its own kinds
            n = len(rows[0])
            raise RuntimeError(f"the graph of this {owner} fails on {n} samples: {str(error)[:300]}") from error
        return found

    sure = _sure(model, X, expected)
    n = len(arrays[0])
    for count in {*_OTHER_COUNTS, n}:
        chosen = np.arange(count) % n
        for (name, output), found in zip(outputs.items(), run(_rows(arrays, count)), strict=True):
            own, counted = np.asarray(expected[name])[chosen], None if sure is None else sure[chosen]
            _hold(owner, name, found, own, output, counted if name == "predict" else None)
    varied = graph._inputs.varied(_rows(arrays, _OTHER_COUNTS[1]), np.random.default_rng(0))
    of_network = graph(*map(torch.from_numpy, varied))
    for (name, output), found, own in zip(outputs.items(), run(varied), of_network, strict=True):
        if own.is_floating_point():  # others are decided by numbers, which may be as good as equal
            _hold(owner, name, found, own.numpy(), output, None)


def _session(content: bytes, owner: str) -> Any:
    _, onnxruntime = _imported()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # no threads are started
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has its own kinds
        raise NotImplementedError(f"onnxruntime cannot run the graph of this {owner}: {str(error)[:300]}") from error


def _sure(model: Any, X: Any, expected: dict[str, Any]) -> np.ndarray | None:
    """Return which predictions are more than a matter of the last digits; None for all."""
    if "predict" not in expected or not hasattr(model, "decision_function"):
        return None
    decisions = np.asarray(model.decision_function(X), dtype=np.float64)
    if decisions.ndim == np.ndim(expected["predict"]):
        return np.asarray(np.abs(decisions) > 10 * TOLERANCE)
    best = np.sort(decisions, axis=1)[:, -2:]
    return np.asarray(best[:, 1] - best[:, 0] > 10 * TOLERANCE)


def _hold(owner: str, name: str, found: Any, own: np.ndarray, output: Output, counted: np.ndarray | None) -> None:
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
