"""What an exported graph returns: methods of an estimator as functions of its network and a batch, in torch alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from sklearn_ann.attention import MaskedSequenceModel
from sklearn_ann.attention.windows import WindowBatch
from sklearn_ann.autoencoder import AutoEncoderOutlierDetector, AutoEncoderTransformer
from sklearn_ann.autoencoder.distances import NEAREST, LogDistance
from sklearn_ann.autoencoder.outliers import FARTHEST
from sklearn_ann.base import NeuralClassifier, NeuralRegressor
from sklearn_ann.base.targets import ClassTargets, NumberTargets
from sklearn_ann.embedding import EntityEmbeddingTransformer, SequenceEmbeddingTransformer
from sklearn_ann.factorization import TensorFactorizationRegressor
from sklearn_ann.generative import GANSampler, VAESampler
from sklearn_ann.graph import GCNClassifier, GCNNodeClassifier, GCNNodeRegressor, GCNRegressor
from sklearn_ann.layers import Ensemble, SupervisedNetwork
from sklearn_ann.layers.head import mean_number
from sklearn_ann.reading import RowReader
from sklearn_ann.reading.conditions import ConditionedBatch
from sklearn_ann.translation import SequenceTranslator

USUAL = ("predict", "predict_proba", "transform")
"""The outputs of a graph, of those that the estimator has, unless others are asked for."""
DECODING = "inverse_transform"
"""The method that reads codes instead of samples, so that it has a graph of its own."""
_NO_GRAPHS: dict[tuple[type, ...], str] = {
    (GCNClassifier, GCNRegressor, GCNNodeClassifier, GCNNodeRegressor): "it multiplies by sparse matrices, which ONNX "
    "does not have",
    (SequenceTranslator,): "it predicts one token after the other",
    (GANSampler,): "all it does is to draw random samples",
    (SequenceEmbeddingTransformer,): "it counts the tokens of texts; embeddings_ and vocabulary_ are all that it needs",
    (TensorFactorizationRegressor,): "it reads names of levels; impute returns the whole tensor",
}


def why_not(model: Any) -> str:
    """Say why an estimator has no graph."""
    for kinds, reason in _NO_GRAPHS.items():
        if isinstance(model, kinds):
            return reason
    if getattr(model, "_at_steps", False):
        return "output='sequence' predicts as many numbers as a series has steps"
    reader = getattr(model.reader_, "rows", model.reader_)
    return f"samples are read by {type(reader).__name__}, which cannot be a part of a graph"


class Run:
    """What a network makes of a batch; outputs that ask for the same part share it.

    Parameters
    ----------
    module : nn.Module
    batch : object
        What the network takes.
    tensors : tuple of Tensor
        The inputs of the graph.
    """

    def __init__(self, module: Any, batch: Any, tensors: tuple[Tensor, ...]) -> None:
        self.module, self.batch, self.tensors = module, batch, tensors

    @cached_property
    def states(self) -> Tensor:
        """What the heads of a supervised network read."""
        states: Tensor = self.module.states(self.batch)
        return states

    @cached_property
    def outputs(self) -> Tensor:
        """What a supervised network returns."""
        outputs: Tensor = self.module.concluded(self.states)
        return outputs

    @property
    def features(self) -> Tensor:
        """What ``transform`` of a supervised network returns."""
        return _features(self.module, self.states)


def _features(network: SupervisedNetwork, states: Tensor) -> Tensor:
    if isinstance(network, Ensemble):
        each = zip(network.parts, states.unbind(1), strict=True)
        return torch.cat([_features(part, own) for part, own in each], dim=1)
    return states if network.average is None else mean_number(states.movedim(1, 0))


class Output(NamedTuple):
    """An output of a graph."""

    function: Callable[[Run], Tensor]
    labels: list[str] | None = None  # which the integers that the function returns stand for
    unit: float | np.ndarray = 1.0  # of its numbers, which errors are relative to


def outputs_of(model: Any) -> dict[str, Output]:
    """Return the methods that a graph of a fitted estimator can have, by name; none if it cannot have any."""
    if any(isinstance(model, kinds) for kinds in _NO_GRAPHS):
        return {}
    for kind, found in _OUTPUTS.items():
        if isinstance(model, kind):
            return found(model)
    return {}


# --- Classifiers and regressors --------------------------------------------------------------------------------------


def _of_classifier(model: Any) -> dict[str, Output]:
    targets = model._coder
    if not isinstance(targets, ClassTargets):
        return {}
    labels = None if targets.multilabel else targets.classes
    text = labels is not None and labels.dtype.kind in "OU"
    if labels is not None and not (text and all(isinstance(label, str) for label in labels)):
        labels = _numeric(labels)

    def predict(run: Run) -> Tensor:
        logits = run.outputs
        if targets.multilabel:
            return (logits > 0).long()
        codes = (logits[:, 0] > 0).long() if targets.binary else logits.argmax(dim=1)
        return codes if text else torch.as_tensor(labels).index_select(0, codes)

    def probabilities(run: Run) -> Tensor:
        logits = run.outputs.double()
        if targets.multilabel:
            return logits.sigmoid()
        return torch.cat([-logits, logits], dim=1).sigmoid() if targets.binary else logits.softmax(dim=1)

    def decisions(run: Run) -> Tensor:
        return run.outputs[:, 0] if targets.binary else run.outputs

    return {
        "predict": Output(predict, labels.tolist() if text and labels is not None else None),
        "predict_proba": Output(probabilities),
        "transform": Output(lambda run: run.features),
        "decision_function": Output(decisions),
    }


def _numeric(labels: np.ndarray) -> np.ndarray:
    """Return labels that a tensor can hold."""
    numbers = np.array(labels.tolist()) if labels.dtype == object else labels
    if numbers.dtype.kind not in "biuf":
        raise TypeError(f"the classes are {labels}: a graph returns text, numbers or booleans")
    return numbers.astype(np.int64) if numbers.dtype.kind in "iu" else numbers


def _of_regressor(model: Any) -> dict[str, Output]:
    targets = model._coder
    if not isinstance(targets, NumberTargets):
        return {}
    mean, scale = torch.tensor(targets._mean), torch.tensor(targets._scale)

    def predict(run: Run) -> Tensor:
        outputs = run.outputs.double()
        values = (outputs.exp() if targets.loss == "poisson" else outputs) * scale + mean
        return values.flatten() if not targets._shape else values

    return {"predict": Output(predict, unit=targets._scale), "transform": Output(lambda run: run.features)}


# --- Others ----------------------------------------------------------------------------------------------------------


def _of_autoencoder(model: Any) -> dict[str, Output]:
    return {
        "transform": Output(lambda run: run.module.encode(run.batch)),
        "reconstruct": Output(lambda run: run.module.reconstruct(run.batch).reshape(-1, *run.tensors[0].shape[1:])),
        DECODING: Output(lambda run: run.module.decode(run.batch)),
    }


def _of_vae(model: Any) -> dict[str, Output]:
    found = {"transform": Output(lambda run: run.module.posterior(run.batch).mean)}
    if model.reader_.known is None and isinstance(model.reader_.rows, RowReader):
        found[DECODING] = Output(lambda run: run.module.mean(ConditionedBatch(run.batch, run.batch[:, :0])))
    return found


def _of_outlier_detector(model: Any) -> dict[str, Output]:
    distances: dict[Any, LogDistance] = model.distances_
    unit = float(np.mean([distance.deviation for distance in distances.values()]))

    def decision(run: Run) -> Tensor:
        begin, logs, module = 0, [], run.module
        described = module.describe(run.batch).double()
        for view, n in module.members.items():
            end = begin + n * module.columns[view]
            logs.append(_log_distance(distances[view], described[:, begin:end].chunk(n, dim=1)))
            begin = end
        mean = torch.stack(logs).logsumexp(dim=0) - math.log(len(logs))
        offset: float = model.offset_
        return -(unit * mean).clamp(max=FARTHEST).exp() - offset

    return {
        "predict": Output(lambda run: torch.where(decision(run) < 0, -1, 1)),
        "transform": Output(lambda run: run.module.encode(run.batch)),
        "decision_function": Output(decision, unit=max(1.0, abs(model.offset_))),
    }


def _log_distance(distance: LogDistance, parts: tuple[Tensor, ...]) -> Tensor:
    """Return what `LogDistance` does, for parts of shape (batch, columns)."""
    logs = []
    for estimate, part in zip(distance.covariances, parts, strict=True):
        centred = part - torch.tensor(estimate.location)
        square = ((centred @ torch.tensor(estimate.precision)) * centred).sum(dim=1)
        logs.append(0.5 * square.clamp(min=NEAREST**2).log())
    return (torch.stack(logs).mean(dim=0) - distance.mean) / distance.deviation


def _of_masked_model(model: Any) -> dict[str, Output]:
    def transform(run: Run) -> Tensor:
        codes, lengths = run.batch
        features: Tensor = run.module.features(WindowBatch(codes, lengths, torch.zeros_like(lengths), lengths))
        return features

    return {"transform": Output(transform)}


def _of_entities(model: Any) -> dict[str, Output]:
    matrices = [torch.tensor(matrix) for matrix in model.embeddings_]
    categorical = model.reader_.categorical

    def transform(run: Run) -> Tensor:
        codes, numbers = run.batch
        vectors = iter(matrix.index_select(0, column) for matrix, column in zip(matrices, codes.unbind(1), strict=True))
        plain = iter(numbers.unbind(1))
        columns = [
            next(vectors).double() if position in categorical else next(plain)[:, None]
            for position in range(model.n_features_in_)
        ]
        return torch.cat(columns, dim=1)

    return {"transform": Output(transform)}


_OUTPUTS: dict[type, Callable[[Any], dict[str, Output]]] = {
    NeuralClassifier: _of_classifier,
    NeuralRegressor: _of_regressor,
    AutoEncoderTransformer: _of_autoencoder,
    AutoEncoderOutlierDetector: _of_outlier_detector,
    VAESampler: _of_vae,
    MaskedSequenceModel: _of_masked_model,
    EntityEmbeddingTransformer: _of_entities,
}
