"""A fit that is prepared and not yet run: what is validated, read, split and settled, as one value."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.model_selection import GroupShuffleSplit, StratifiedGroupKFold, train_test_split
from sklearn.utils import Bunch, check_array, column_or_1d
from sklearn.utils.validation import check_consistent_length
from torch import Tensor, nn

from sklearn_ann import training
from sklearn_ann._sklearn import check_sample_weight
from sklearn_ann.base.budget import GREATEST_BATCH, Budget, automatic_batch_size
from sklearn_ann.base.entries import missing_entries
from sklearn_ann.base.sources import Source
from sklearn_ann.base.targets import Targets
from sklearn_ann.layers import SupervisedNetwork, chosen_layers, freeze_layers, layers_of, learning_rates


@dataclass
class Plan:
    """What a fit has prepared.

    Preparing changes nothing of the estimator and makes no optimiser step, so that several plans can be prepared
    before any is trained, and one that fails is simply dropped.

    Attributes
    ----------
    reader : Reader
        What a sample is.
    targets : Targets or None
        What is predicted; None without targets.
    examples : Examples
        What to learn from.
    validation : Examples or None
        What to watch.
    parameters : Bunch
        The hyper-parameters by name, with what ``"auto"`` stands for; predictions go by them.
    step : Step
        The network, ready to be trained.
    history : list of dict
        Records of earlier epochs of the same network.
    generator, noise : torch.Generator
        What the order of the samples, and stochastic layers, are drawn from.
    rng : RandomState
    device : torch.device
    incremental : bool
        Whether this is one epoch of ``partial_fit``.
    given : dict
        The hyper-parameters as they are set.
    source : Source or None
        Where a new network begins; None for weights that are drawn.
    taken : dict or None
        The hyper-parameters that a source has decided, in this fit or in the one that it goes on from.
    checkpoint : Checkpoint or None
        Where the training goes on from, and where it keeps how far it is.
    frozen_body : bool
        Whether all of the body is frozen, for the whole fit.
    """

    reader: Any
    targets: Targets | None
    parameters: Bunch
    rng: np.random.RandomState
    device: torch.device
    incremental: bool
    given: dict[str, Any]
    source: Source | None = None
    taken: dict[str, Any] | None = None
    frozen_body: bool = dataclasses.field(default=False, init=False)
    examples: training.Examples[Any] = dataclasses.field(init=False)
    validation: training.Examples[Any] | None = None
    checkpoint: training.Checkpoint | None = None
    step: training.Step = dataclasses.field(init=False)
    history: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    generator: torch.Generator = dataclasses.field(init=False)
    noise: torch.Generator = dataclasses.field(init=False)
    _of_layers: dict[str, Any] = dataclasses.field(default_factory=dict, init=False)

    @property
    def dtype(self) -> torch.dtype:
        """Type of weights and data."""
        return training.tensor_dtype(self.parameters.precision)

    @property
    def settings(self) -> training.Settings:
        """How to train."""
        names = training.Settings.__dataclass_fields__
        values = {name: self.parameters[name] for name in names if name in self.parameters}
        one_epoch = {"max_epochs": 1, "learning_rate_warmup": 0.0}
        return training.Settings(**(values | one_epoch if self.incremental else values), **self._of_layers)

    @property
    def one_batch(self) -> bool:
        """Whether all samples make one batch."""
        size, n_samples = self.parameters.batch_size, len(self.examples)
        size = automatic_batch_size(n_samples) if is_auto(size) else size
        return size is None or size >= n_samples

    def read(self, X: Any, y: Any, sample_weight: Any, *, learn: bool, **target_options: Any) -> training.Examples[Any]:
        """Read samples, targets and weights, once; with `learn`, learn how to read them first."""
        reader, targets = self.reader, self.targets
        X = reader.opened(X)
        learns = learn and (self.source is None or self.source.reader is None)  # else the reader has learned already
        samples = (reader.learn if learns else reader.read)(X, y if targets is None else None)
        weight = checked_weights(sample_weight, len(samples), of_outputs=targets is not None)
        if samples.valid is not None and not samples.valid.all():  # a sample that holds nothing is absent
            valid = samples.valid.numpy(force=True)
            if not valid.any():
                raise ValueError("all samples are empty: expected at least one with an atom, a node or a letter")
            weight = valid.astype(np.float64) if weight is None else (weight.T * valid).T
        target = None
        if targets is not None:
            if isinstance(y, str | dict):
                what = f"the text {y!r}" if isinstance(y, str) else "a dict"
                raise TypeError(f"y is {what}: expected the targets in the order of X, such as table[name] of a frame")
            check_consistent_length(samples, y)  # which ignores None
            of_target = targets.weights(y, weight)
            target = (targets.learn if learn else targets.read)(y, weight=weight, samples=samples, **target_options)
            if weight is not None and weight.ndim == 2:  # the targets hold what the outputs differ by
                weight = weight.mean(axis=1)
            if of_target is not None:
                weight = of_target if weight is None else of_target * weight
        examples = examples_of(samples, target, weight, reader.dtype)
        if learn:
            examples = reader.finish(examples) if learns else examples
            for learned in (reader, targets):
                if learned is not None:
                    learned.freeze()
        return examples

    def body(self, number: int, build: Callable[[Plan], tuple[nn.Module, int]]) -> tuple[nn.Module, int]:
        """Return a body and the number of its features: a new one, or what the source hands on."""
        if self.source is not None and self.source.layers is None:
            return self.source.body(number, self.examples.samples, self.dtype)
        body, n_features = build(self)
        if self.source is not None:
            self.source.begin(number, body)
        return body, n_features

    def settle_layers(self, module: nn.Module, *, anew: bool = True) -> None:
        """Freeze layers of a supervised network and find their learning rates; `anew`, else they are frozen already.

        Raises
        ------
        ValueError
            If a hyper-parameter names a layer that the network has not, or contradicts another.
        """
        p = self.parameters
        if "freeze" not in p or not isinstance(module, SupervisedNetwork):
            return
        body = module.parts[0].body
        names = chosen_layers(body, p.freeze)
        if self.source is not None:
            self.source.check_frozen(names, p.freeze)
        whole = p.freeze == "body" or 0 < len(names) == len(layers_of(body))
        if p.unfreeze_every is not None and not names:
            raise ValueError(f"unfreeze_every={p.unfreeze_every}, but freeze={p.freeze!r} freezes no layer")
        if anew and (names or whole or self.taken is not None):
            for network in module.parts:
                freeze_layers(network.body, names, whole=whole)
        self.frozen_body = whole and p.unfreeze_every is None
        rates = learning_rates(module, p.body_learning_rate, p.layer_learning_rates)
        self._of_layers = {"rates": rates, "frozen": names}

    def replace_auto(self, found: dict[str, Any]) -> None:
        """Put what ``"auto"`` stands for in its place."""
        for name, value in found.items():
            if is_auto(self.parameters[name]):
                self.parameters[name] = value

    def settle_length(self, budget: Budget) -> None:
        """Put batch size and number of epochs in the place of ``"auto"``."""
        n_samples = len(self.examples)
        self.replace_auto({"batch_size": automatic_batch_size(n_samples)})
        self.replace_auto({"max_epochs": budget.max_epochs(n_samples, self.parameters.batch_size)})

    def draw_seeds(self) -> None:
        """Seed the order of the samples and the noise: a plan draws nothing after it is prepared."""
        self.generator = training.torch_generator(self.rng)
        self.noise = training.torch_generator(self.rng, self.device)

    def apply(
        self,
        module: nn.Module,
        samples: training.Samples,
        function: Callable[[Any, Any], Any],
        **how: Any,
    ) -> Any:
        """Apply ``function(module, batch)`` to samples with the settings of this fit; see `applied`."""
        return applied(module, samples, function, self.parameters, self.device, **how)

    def start(self, loss_floor: float) -> training.Training:
        """Return the training of this plan, not yet run."""
        return training.Training(
            self.step,
            self.examples,
            self.validation,
            history=self.history,
            generator=self.generator,
            noise=self.noise,
            loss_floor=loss_floor,
            settles=not self.incremental,
            ranks=training.active(),
            checkpoint=self.checkpoint,
        )


# Hyper-parameters that partial_fit reads anew; the network stays what it is.
_TRAINING = ("batch_size", "learning_rate", "weight_decay", "max_grad_norm", "device", "verbose", "class_weight")


def is_auto(value: Any) -> bool:
    """Whether a hyper-parameter is left to the estimator."""
    return isinstance(value, str) and value == "auto"


def given_parameters(estimator: Any) -> dict[str, Any]:
    """Return all hyper-parameters, also those that a subclass with an ``__init__`` of its own hides."""
    names = [*estimator.get_params(deep=False), *type(estimator)._parameter_constraints]
    return {name: getattr(estimator, name) for name in dict.fromkeys(names)}


def kept_parameters(
    given: dict[str, Any], given_before: dict[str, Any], resolved: Bunch, incremental: bool
) -> dict[str, Any]:
    """Return the hyper-parameters of a fit that goes on from an earlier one.

    ``partial_fit`` changes how the network is trained and nothing else. A warm start takes all that is set, but
    ``"auto"`` goes on to stand for what it stood for.
    """
    if incremental:
        trained = [name for name in _TRAINING if name in given and (name == "device" or not is_auto(given[name]))]
        return dict(resolved) | {name: given[name] for name in trained}
    same = [name for name, value in given.items() if is_auto(value) and is_auto(given_before.get(name))]
    return given | {name: resolved[name] for name in same}


def applied(
    module: nn.Module,
    samples: training.Samples,
    function: Callable[[Any, Any], Any],
    parameters: Bunch,
    device: torch.device,
    *,
    chunks: int | Sequence[Tensor] | None = None,
    gradients: bool = False,
    in_full: bool = False,
) -> Any:
    """Apply a function to samples with the settings of a fit; see `training.apply`.

    With `in_full`, a network of precision bfloat16 computes in float32, for results whose digits are looked at.
    """
    if chunks is None:  # without gradients, a batch takes less memory than in training
        size = GREATEST_BATCH if parameters.batch_size is None else parameters.batch_size
        chunks = len(samples) if samples.together else min(max(8 * size, 256), len(samples))
    precision: training.Precision = parameters.precision
    if in_full and precision == "bfloat16":
        precision = "float32"
    return training.apply(
        module, samples, function, device=device, precision=precision, chunks=chunks, gradients=gradients
    )


def finite(result: Any, valid: Tensor | None) -> Any:
    """Refuse results that are not finite; results of samples that have nothing to predict from are NaN.

    Raises
    ------
    ValueError
        If the result of a sample is not finite, naming the sample.
    """
    if isinstance(result, tuple):
        return tuple(finite(part, valid) for part in result)
    if isinstance(result, list):  # of results of different sizes
        floats = (isinstance(part, np.ndarray) and part.dtype.kind == "f" for part in result)
        whole = [not float_ or bool(np.isfinite(part).all()) for part, float_ in zip(result, floats, strict=True)]
        finite(np.where(whole, 0.0, np.nan), None)
        return result
    if not isinstance(result, np.ndarray) or result.dtype.kind != "f":
        return result
    bad = ~np.isfinite(result)
    if valid is not None and not valid.all():
        absent = ~valid.numpy(force=True)
        result[absent], bad[absent] = np.nan, False
    if bad.any():
        sample = int(bad.reshape(len(bad), -1).any(axis=1).argmax())
        raise ValueError(
            f"the output for sample {sample} is not finite: values of this sample are too large for the type that "
            "precision names, or too far from those in fit"
        )
    return result


def checked_weights(sample_weight: Any, n_samples: int, *, of_outputs: bool = False) -> np.ndarray | None:
    """Return the weights of samples in float64, or None; `of_outputs` allows one weight for each output too."""
    if sample_weight is None:
        return None
    if np.ma.is_masked(sample_weight):
        raise ValueError("sample_weight is a masked array, whose mask would be lost: give sample_weight.filled(0)")
    try:
        return _weights(sample_weight, n_samples, of_outputs)
    except (TypeError, ValueError) as error:
        if "weight" in str(error):
            raise
        raise type(error)(f"sample_weight is no list of {n_samples} numbers: {error}") from error


def _weights(given: Any, n_samples: int, of_outputs: bool) -> np.ndarray:
    if isinstance(given, torch.Tensor):
        given = training.as_array(given)
    elif isinstance(given, list | tuple) and any(isinstance(entry, list | tuple) for entry in given):
        given = np.asarray(given, dtype=np.float64)
    shape: tuple[int, ...] = getattr(given, "shape", ())
    if len(shape) == 2 and (of_outputs or shape[1] == 1):
        entries: np.ndarray = check_array(given, dtype=np.float64, input_name="sample_weight")
        if len(entries) != n_samples or (entries < 0).any():
            raise ValueError(
                f"sample_weight has {len(entries)} rows, of which {(entries < 0).any(axis=1).sum()} have negative "
                f"values: expected {n_samples} rows of values from 0"
            )
        if shape[1] > 1:
            return entries
        given = entries[:, 0]  # of one output: the weights of the samples
    weight: np.ndarray = check_sample_weight(
        given, np.empty(n_samples), dtype=np.float64, force_float_dtype=True, ensure_non_negative=True
    )
    return weight


def checked_groups(groups: Any, X: Any) -> np.ndarray:
    """Return groups as numbers; labels of any type name them."""
    labels = np.asarray(groups, dtype=object) if isinstance(groups, list | tuple) else groups
    if len(np.shape(labels)) != 1 and np.shape(labels)[1:] != (1,):
        raise ValueError(f"groups must have shape (n_samples,), got {np.shape(labels)}")
    labels = column_or_1d(labels)
    check_consistent_length(X, labels)
    if missing_entries(labels).any():
        raise ValueError(f"groups has no value for sample {int(missing_entries(labels).argmax())}")
    numbers: dict[Any, int] = {}
    return np.array([numbers.setdefault(label, len(numbers)) for label in labels.tolist()])


def examples_of(
    samples: Any, target: Tensor | training.Samples | None, weight: np.ndarray | None, dtype: torch.dtype
) -> training.Examples[Any]:
    """Join samples, targets and weights; a weight of zero is an absent sample."""
    if target is not None:
        check_consistent_length(samples, target)
        target = training.Rows(target) if isinstance(target, Tensor) else target
    rows = weights = None
    if weight is not None:
        if not (weight > 0).any():
            raise ValueError(
                "all samples have the weight 0, by sample_weight and class_weight: expected one positive weight or more"
            )
        relative = torch.as_tensor(weight / weight.max(), dtype=dtype)
        relative[relative < torch.finfo(torch.float32).tiny] = 0  # too small to count, and to divide by
        present = relative > 0
        if not present.all():
            rows = torch.from_numpy(np.flatnonzero(present))
        weights = relative / relative[present].mean()
    return training.Examples(samples, rows, target, weights)


def hold_out(
    examples: training.Examples[Any],
    strata: np.ndarray | None,
    fraction: float,
    rng: np.random.RandomState,
    groups: np.ndarray | None = None,
) -> tuple[training.Examples[Any], training.Examples[Any]]:
    """Split off the part that early stopping watches, whole groups if there are any; the data are not copied."""
    rows = np.arange(len(examples.samples)) if examples.rows is None else examples.rows.numpy()
    if len(rows) < 2:
        raise ValueError(f"early_stopping=True holds out samples and needs at least 2, got {len(rows)}")
    stratify = None if strata is None else strata[rows]
    try:
        if groups is None:
            parts = train_test_split(rows, test_size=fraction, random_state=rng, stratify=stratify)
        else:
            parts = [rows[part] for part in _split_groups(groups[rows], stratify, fraction, rng)]
    except ValueError as error:
        raise ValueError(
            f"early_stopping=True cannot hold out validation_fraction={fraction} of {len(rows)} samples: {error} "
            "You can give validation data of your own to fit as X_val."
        ) from error
    train, held_out = (dataclasses.replace(examples, rows=torch.from_numpy(part)) for part in parts)
    return train, held_out


def _split_groups(
    groups: np.ndarray, strata: np.ndarray | None, fraction: float, rng: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray]:
    """Return positions to train on and to hold out; no group is on both sides."""
    parts: Any
    n_groups = len(np.unique(groups))
    if n_groups < 2:
        raise ValueError(
            "groups has one group only, but early_stopping=True holds out whole groups: expected two groups or more"
        )
    n_parts = min(max(2, round(1 / fraction)), n_groups)
    # With fewer samples of each class than parts, shares of classes cannot be kept.
    if strata is None or np.unique(strata, return_counts=True)[1].max() < n_parts:
        parts = GroupShuffleSplit(1, test_size=fraction, random_state=rng).split(groups, groups=groups)
    else:
        parts = StratifiedGroupKFold(n_parts, shuffle=True, random_state=rng).split(groups, strata, groups)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class")  # a class may be in few groups
        train, held_out = next(parts)
    return train, held_out


def with_weights_of(module: nn.Module, earlier: nn.Module) -> nn.Module:
    """Give a new module the weights of an earlier one, for a warm start."""
    try:
        module.load_state_dict(earlier.state_dict())
    except RuntimeError as error:
        raise ValueError(
            "warm_start=True continues the previous fit, but the current parameters need a network of another "
            f"shape: {error}"
        ) from error
    return module
