"""A fit that is prepared and not yet run: what is validated, read, split and settled, as one value."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from sklearn.utils import Bunch
from sklearn.utils.validation import check_consistent_length
from torch import Tensor, nn

from sklearn_ann import training
from sklearn_ann._sklearn import check_sample_weight
from sklearn_ann.base.targets import Targets


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
    rng : RandomState
    device : torch.device
    incremental : bool
        Whether this is one epoch of ``partial_fit``.
    """

    reader: Any
    targets: Targets | None
    parameters: Bunch
    rng: np.random.RandomState
    device: torch.device
    incremental: bool
    examples: training.Examples[Any] = dataclasses.field(init=False)
    validation: training.Examples[Any] | None = None
    step: training.Step = dataclasses.field(init=False)
    history: list[dict[str, Any]] = dataclasses.field(default_factory=list)

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
        return training.Settings(**(values | one_epoch if self.incremental else values))

    def apply(
        self,
        module: nn.Module,
        samples: training.Samples,
        function: Callable[[Any, Any], Any],
        chunks: Sequence[Tensor] | None = None,
    ) -> Any:
        """Apply ``function(module, batch)`` to samples with the settings of this fit; see `training.apply`."""
        return applied(module, samples, function, self.parameters, self.device, chunks=chunks)

    def start(self, loss_floor: float) -> training.Training:
        """Return the training of this plan, not yet run."""
        if self.incremental:
            self.step.move(self.device)
            self.step.adopt(self.settings)
        return training.Training(
            self.step,
            self.examples,
            self.validation,
            history=self.history,
            generator=training.torch_generator(self.rng),
            noise=training.torch_generator(self.rng, self.device),
            loss_floor=loss_floor,
            settles=not self.incremental,
        )


def applied(
    module: nn.Module,
    samples: training.Samples,
    function: Callable[[Any, Any], Any],
    parameters: Bunch,
    device: torch.device,
    *,
    chunks: int | Sequence[Tensor] | None = None,
    gradients: bool = False,
) -> Any:
    """Apply a function to samples with the settings of a fit; see `training.apply`."""
    if chunks is None:  # without gradients, a batch takes less memory than in training
        size = parameters.batch_size
        chunks = len(samples) if size is None else max(8 * size, 256)
    return training.apply(
        module, samples, function, device=device, precision=parameters.precision, chunks=chunks, gradients=gradients
    )


def checked_weights(sample_weight: Any, n_samples: int) -> np.ndarray | None:
    """Return the weights of samples in float64, or None."""
    if sample_weight is None:
        return None
    weight: np.ndarray = check_sample_weight(
        sample_weight, np.empty(n_samples), dtype=np.float64, force_float_dtype=True, ensure_non_negative=True
    )
    return weight


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
            raise ValueError("no sample has a weight above zero, with sample_weight and class_weight multiplied")
        if (weight == 0).any():
            rows = torch.from_numpy(np.flatnonzero(weight))
        weights = torch.as_tensor(weight / (weight.sum() / np.count_nonzero(weight)), dtype=dtype)
    return training.Examples(samples, rows, target, weights)


def hold_out(
    examples: training.Examples[Any], strata: np.ndarray | None, fraction: float, rng: np.random.RandomState
) -> tuple[training.Examples[Any], training.Examples[Any]]:
    """Split off the part that early stopping watches; the data are not copied."""
    rows = np.arange(len(examples.samples)) if examples.rows is None else examples.rows.numpy()
    if len(rows) < 2:
        raise ValueError(f"early_stopping=True holds samples out and needs 2 of them at least, got {len(rows)}")
    stratify = None if strata is None else strata[rows]
    try:
        parts = train_test_split(rows, test_size=fraction, random_state=rng, stratify=stratify)
    except ValueError as error:
        raise ValueError(
            f"early_stopping=True cannot hold out validation_fraction={fraction} of {len(rows)} samples: {error} "
            "You can give validation data of your own to fit as X_val."
        ) from error
    train, held_out = (dataclasses.replace(examples, rows=torch.from_numpy(part)) for part in parts)
    return train, held_out


def with_weights_of(module: nn.Module, earlier: nn.Module) -> nn.Module:
    """Give a new module the weights of an earlier one, for a warm start."""
    try:
        module.load_state_dict(earlier.state_dict())
    except RuntimeError as error:
        raise ValueError(
            "warm_start=True goes on from the previous fit, but the parameters now set ask for a network of another "
            f"shape: {error}"
        ) from error
    return module
