"""Write a fitted network as an ONNX graph, which runs without this package, and hold the graph against the network."""

from __future__ import annotations

import contextlib
import copy
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
from sklearn_ann.files.exchange_comparison import compare, imported, repeated
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
from sklearn_ann.files.exchange_outputs import DECODING, USUAL, Output, Run, outputs_of, why_not
from sklearn_ann.files.exchange_recurrent import with_operators
from sklearn_ann.reading import GridReader, LetterReader, RowReader, StandardizedRowReader, TableReader
from sklearn_ann.reading.conditions import ConditionedReader
from sklearn_ann.reading.series import SeriesReader

OPSET = 18
_MOST_ROWS = 64  # samples that a graph is compared on
_COUNT = 2  # of samples that a graph is made with; of one, torch would fix the number
_LENGTH = 96  # of free axes that a graph is made with: none that is pooled comes down to 1, which would be fixed
_MOST_BYTES = 2**31 - 2**20  # of weights: Protocol Buffers hold no 2 GiB
_LOGGERS = ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")
_KINDS = (
    "Graphs can be made of the classifiers and regressors Tabular..., CNN..., RNN... and Attention..., and of "
    "AutoEncoderTransformer, AutoEncoderOutlierDetector, VAESampler, MaskedSequenceModel and EntityEmbeddingTransformer"
)


def to_onnx(model: Any, X: Any, path: str | os.PathLike, *, methods: Sequence[str] | None = None) -> None:
    """Write a fitted estimator to an ONNX file, for predictions by other programs and languages.

    Parameters
    ----------
    model : estimator
        A fitted estimator of this package.
    X : samples as in ``fit``
        One or more samples, such as ``X[:1]``, which fix the shape of later samples. The graph is compared with the
        estimator on up to 64 of them.
    path : str or path-like
        Path of the file, with the ending ``.onnx``. An existing file is replaced when the new one is complete and
        checked.
    methods : sequence of str or None, default=None
        Methods whose results are the outputs of the graph. None: those of ``"predict"``, ``"predict_proba"`` and
        ``"transform"`` that the estimator has. Other choices are ``"decision_function"``, ``"reconstruct"`` of an
        auto-encoder, and ``"inverse_transform"``, for which X are codes and which must be the only method.

    Raises
    ------
    NotImplementedError
        If the estimator cannot be converted, such as those of graphs, or if the exporter or onnxruntime lacks an
        operation of the network.
    TypeError
        If `model` is not an estimator of this package.
    ValueError
        If `path`, `methods`, `X` or the precision of the fit are not as described here.
    RuntimeError
        If the outputs of the graph and of the estimator differ. No file is written.

    Notes
    -----
    The inputs are ``X`` for numbers, ``codes`` for letters and categories, and ``lengths`` or ``sizes`` if samples
    differ in size; `sklearn_ann.files.onnx_inputs` returns the inputs for samples as in ``fit``. The outputs have the
    names and the types of the methods. The first axis of inputs and outputs is the axis of the samples, whose number is
    free. Scaling, classes, probabilities and the unit of a target are part of the graph. The codes of letters and
    categories are described in the metadata of the file, in JSON under the name ``sklearn_ann``.

    Before the file is written, onnxruntime runs the graph on one sample, on several samples, and on samples and lengths
    that differ from `X`. Its outputs must agree with those of the estimator to 1e-5, in a regressor relative to the
    standard deviation of the target.

    The graph uses opset 18. The graph does not check its inputs: where an estimator raises an error for a sample that
    is not finite, the graph returns NaN.

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
    >>> session.run(["predict"], {"X": X[::50]})[0].tolist()
    [0, 1, 2]
    """
    _check_model(model)
    path = _checked_path(path)
    imported()
    twin = _on_cpu(model)
    with training.isolated():
        available = outputs_of(twin)
        chosen = _chosen(methods, available, twin)
        inputs = _inputs_of(twin, X, decoding=DECODING in chosen)
        X = _first_rows(X)
        arrays = inputs.arrays(X)
    expected = {name: getattr(twin, name)(X) for name in chosen}
    outputs = {name: available[name] for name in chosen}
    with _undisturbed():
        graph = Graph(with_operators(twin.module_), inputs, [output.function for output in outputs.values()])
        content = _graph_of(graph, arrays, outputs, twin)
        compare(content, graph, arrays, outputs, expected, twin, X)
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
            "model is a Pipeline, of which to_onnx writes only the last step: give model[-1] and "
            "model[:-1].transform(X), and convert the preceding steps by the package skl2onnx"
        )
    if not isinstance(model, NeuralEstimator):
        inner = getattr(model, "best_estimator_", getattr(model, "estimator", None))
        hint = f": give the {type(inner).__name__} in it" if isinstance(inner, NeuralEstimator) else ""
        if type(model).__module__.startswith("sklearn_ann."):
            raise NotImplementedError(f"{name} has no network that can be converted to ONNX. {_KINDS}")
        raise TypeError(f"model must be a fitted estimator of this package, got {name}{hint}")
    check_is_fitted(model)
    if model.resolved_parameters_.precision == "bfloat16":
        raise ValueError(
            f"this {name} was fitted with precision='bfloat16', which ONNX graphs do not support: fit with 'float32'"
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


def _on_cpu(model: Any) -> Any:
    """Return a copy of an estimator with a network of its own, on the CPU and in evaluation mode."""
    twin: Any = object.__new__(type(model))
    module = copy.deepcopy(model.module_).cpu().eval().requires_grad_(False)
    twin.__dict__.update(vars(model) | {"module_": module, "_device": torch.device("cpu")})
    return twin


def _chosen(methods: Sequence[str] | None, available: dict[str, Output], model: Any) -> list[str]:
    owner = type(model).__name__
    if not available:
        raise NotImplementedError(f"{owner} cannot be converted to ONNX: {why_not(model)}. {_KINDS}")
    if methods is None:
        return [name for name in USUAL if name in available]
    if isinstance(methods, str):
        raise TypeError(f"methods={methods!r}: expected a list of names, such as [{methods!r}]")
    chosen = list(dict.fromkeys(methods))
    unknown = [name for name in chosen if name not in available]
    if unknown or not chosen:
        raise ValueError(f"methods={list(methods)!r}: expected some of {list(available)}, the outputs of {owner}")
    if DECODING in chosen and len(chosen) > 1:
        raise ValueError(f"methods={list(methods)!r}: {DECODING!r} reads codes and must be the only method")
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
            f"this {type(model).__name__} cannot be converted to ONNX: {why_not(model)}. {_KINDS}"
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
        self.network, self.inputs, self._functions = network, inputs, functions

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Map the inputs to all outputs."""
        run = Run(self.network, self.inputs.batch(*tensors), tensors)
        return tuple(function(run) for function in self._functions)


def _graph_of(graph: Graph, arrays: list[np.ndarray], outputs: dict[str, Output], model: Any) -> bytes:
    """Export a graph and describe it."""
    onnx, _ = imported()
    fields, owner = graph.inputs.fields, type(model).__name__
    n_bytes = sum(part.nbytes for part in (*graph.parameters(), *graph.buffers()))
    if n_bytes > _MOST_BYTES:
        raise ValueError(f"the network of this {owner} has {n_bytes / 2**30:.1f} GiB of weights; a file takes up to 2")
    # An exporter that fixes the number of samples fails; of lengths it may assume what always holds after pooling.
    samples, dynamic = torch.export.Dim(SAMPLES), torch.export.Dim.DYNAMIC
    tensors = []
    for field, array in zip(fields, repeated(arrays, _COUNT), strict=True):
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
    graph.initializer.append(
        onnx.helper.make_tensor(table, onnx.TensorProto.STRING, [len(labels)], [s.encode() for s in labels])
    )
    graph.node.append(onnx.helper.make_node("Gather", [table, codes], [name]))
    for value in graph.output:
        if value.name == name:
            value.type.tensor_type.elem_type = onnx.TensorProto.STRING


def _describe(onnx: Any, proto: Any, graph: Graph, outputs: dict[str, Output], model: Any) -> None:
    """Say in the file what it is; take out what the exporter says of the code on this machine."""
    del proto.graph.value_info[:], proto.metadata_props[:]
    for part in (*proto.graph.node, *proto.graph.input, *proto.graph.output, proto.graph):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    names = {}
    for value, field in zip(proto.graph.input, graph.inputs.fields, strict=True):
        for place, name in field.axes.items():
            names[value.type.tensor_type.shape.dim[place].dim_param] = name
    for value in (*proto.graph.input, *proto.graph.output):
        for axis in value.type.tensor_type.shape.dim:
            if axis.HasField("dim_param"):
                axis.dim_param = names.get(axis.dim_param, axis.dim_param)
    proto.graph.name = type(model).__name__
    proto.producer_name, proto.producer_version = "sklearn_ann", __version__
    about = {
        "estimator": type(model).__name__,
        "version": __version__,
        "inputs": {field.name: field.about for field in graph.inputs.fields},
        "outputs": list(outputs),
    }
    classes = getattr(model, "classes_", None)
    if isinstance(classes, np.ndarray):
        about["classes"] = classes.tolist()
    onnx.helper.set_model_props(proto, {"sklearn_ann": json.dumps(about, default=str)})
