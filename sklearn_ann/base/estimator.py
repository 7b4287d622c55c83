"""The life cycle that every architecture shares: encode, build, train, predict."""

from __future__ import annotations

import copy
import dataclasses
import warnings
from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np
import scipy.sparse as sp
import torch
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.exceptions import ConvergenceWarning, InconsistentVersionWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import Tags
from sklearn.utils.validation import (
    _check_sample_weight,
    check_array,
    check_consistent_length,
    check_is_fitted,
    validate_data,
)
from torch import Tensor, nn

from sklearn_ann import training
from sklearn_ann._version import __version__
from sklearn_ann.base.parameters import (
    DeclaredParameters,
    NonNegativeFloat,
    NonNegativeInt,
    OpenFraction,
    PositiveFloat,
    PositiveInt,
    RandomState,
)


class NeuralEstimator(CallbackSupportMixin, DeclaredParameters):
    """A neural network as a scikit-learn estimator.

    A subclass is its hyper-parameters, its docstring and the answers to three questions: what is a sample
    (`_encode`; rows by default), what is the network (`_build`) and what is the error (`_error`).

    Parameters
    ----------
    max_epochs : int
        The most passes over the training data in one ``fit``. Training stops before as soon as the loss has stopped
        to fall; if it has not, a ``ConvergenceWarning`` says so.

    batch_size : int or None
        Samples in a step of the optimiser, at most: an epoch is cut into batches whose sizes differ by one at most.
        None, or a value over the number of samples, makes one batch of all.

    learning_rate : float
        Step size of the optimiser.

    learning_rate_schedule : {"constant", "cosine", "adaptive"}
        Course of the learning rate: constant; falling to zero over `max_epochs` along half a cosine; or divided by
        five whenever the watched loss has not fallen for half of `n_iter_no_change` epochs.

    optimizer : {"adamw", "adam"}
        Adam (Kingma and Ba 2015); the two differ in what they make of `weight_decay`.

    weight_decay : float
        With ``"adamw"`` a step shrinks each weight by ``learning_rate * weight_decay`` of itself (Loshchilov and Hutter
        2019, algorithm 2). With ``"adam"`` the loss gets ``weight_decay / 2`` times the sum of the squared weights.

    max_grad_norm : float or None
        Greatest Euclidean norm of the gradient of all weights together; a longer one is scaled down to it. None for
        no limit.

    early_stopping : bool
        Whether to watch the loss on held-out data, not that on the training data, and to return the weights of its
        best epoch. The data are a random part of what ``fit`` gets, stratified by class in classifiers. Where ``fit``
        gets ``X_val``, that is watched in any case.

    validation_fraction : float
        Share of the training data, in (0, 1), that `early_stopping` holds out.

    n_iter_no_change : int
        Epochs without progress after which training stops.

    tol : float
        Progress is a watched loss that falls by more than this fraction of itself.

    warm_start : bool
        Whether ``fit`` goes on from the weights of the previous ``fit``, with a new optimiser. The network's shape
        must not have changed.

    device : str
        Where to compute: ``"auto"`` (the first CUDA device, else the CPU), ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ...
        or ``"mps"``. A fitted model that is loaded where its device does not exist computes on the CPU.

    precision : {"float32", "float64", "bfloat16"}
        Type of weights, data and results. ``"bfloat16"`` computes the network's products in that type and keeps the
        rest in float32.

    random_state : int, RandomState instance or None
        Determines initial weights, the order of the samples, dropout and the validation split. The same int gives the
        same result on the same machine. None takes a seed from the operating system: NumPy's and torch's global
        generators are neither read nor moved.

    verbose : int
        1 shows a progress line, 0 nothing.

    Attributes
    ----------
    module_ : torch.nn.Module
        The trained network.

    net_ : skorch.NeuralNet
        Its optimiser and history, from which ``partial_fit`` goes on.

    history_ : dict of lists
        One value for each epoch: ``"loss"`` and, where held-out data were watched, ``"validation_loss"`` (means over
        the samples), ``"learning_rate"`` and ``"duration"`` (seconds). ``pandas.DataFrame(history_)`` is a table.

    n_iter_ : int
        Epochs run.

    best_epoch_ : int
        The epoch, counted from 1, with the least watched loss.

    loss_ : float
        Mean loss over the training data in the epoch that the weights come from.

    n_features_in_ : int
        Number of features seen during ``fit``.

    feature_names_in_ : array of str of shape (`n_features_in_`,)
        Names of the features, where X has names that are all strings.
    """

    max_epochs: PositiveInt = 200
    batch_size: PositiveInt | None = 32
    learning_rate: PositiveFloat = 1e-3
    learning_rate_schedule: training.Schedule = "constant"
    optimizer: training.OptimizerName = "adamw"
    weight_decay: NonNegativeFloat = 0.0
    max_grad_norm: PositiveFloat | None = None
    early_stopping: bool = False
    validation_fraction: OpenFraction = 0.1
    n_iter_no_change: PositiveInt = 10
    tol: NonNegativeFloat = 5e-3
    warm_start: bool = False
    device: str = "auto"
    precision: training.Precision = "float32"
    random_state: RandomState = None
    verbose: NonNegativeInt = 0

    _loss_floor: ClassVar[float] = 0.0
    """Losses under this are as good as zero; see `training.loop.Patience`."""

    # --- The three questions ---------------------------------------------------------------------------------------

    def _encode(self, X: Any, *, reset: bool) -> training.Samples:
        """What is a sample? Check `X` and encode it; `reset` says whether to learn its shape or to hold it to that."""
        X = validate_data(self, X, reset=reset, dtype=self._numpy_dtype, accept_sparse="csr", order="C")
        return training.SparseRows.from_scipy(X) if sp.issparse(X) else training.Rows(training.as_tensor(X))

    def _build(self, samples: training.Samples) -> nn.Module:
        """What is the network? Build it for encoded samples; called where torch draws from `random_state`."""
        raise NotImplementedError

    def _build_on(self, examples: training.Examples) -> nn.Module:
        """Build the network for all that it will be trained on, where it is to hold some of that."""
        return self._build(examples.samples)

    def _error(self) -> training.Error:
        """What is the error? Return ``(output, target) -> one loss a sample``, a function that holds no estimator."""
        raise NotImplementedError

    # --- What supervised estimators add ----------------------------------------------------------------------------

    def _encode_target(
        self, y: Any, sample_weight: np.ndarray | None, *, reset: bool
    ) -> tuple[Tensor | None, np.ndarray | None]:
        """Check `y`; return it as the tensor that the error expects and the weights that go with it."""
        return None, sample_weight

    def _strata(self, target: Tensor | None) -> np.ndarray | None:
        """What the held-out part is stratified by."""
        return None

    # --- The life cycle --------------------------------------------------------------------------------------------

    def _fit(self, X: Any, y: Any = None, **options: Any) -> Self:
        """Fit, and leave the estimator as it was if that fails or is interrupted before its first whole epoch."""
        before = self.__dict__.copy()
        try:
            with torch.inference_mode(False):  # which the caller may have switched on
                self._fit_with_callbacks(X, y, **options)
        except BaseException as error:
            trained = self.__dict__.get("history_") is not before.get("history_")
            if not (isinstance(error, KeyboardInterrupt) and trained):
                self.__dict__.clear()
                self.__dict__.update(before)
            raise
        return self

    @with_callbacks
    def _fit_with_callbacks(
        self,
        X: Any,
        y: Any = None,
        *,
        sample_weight: Any = None,
        X_val: Any = None,
        y_val: Any = None,
        incremental: bool = False,
        **target_options: Any,
    ) -> None:
        self._validate_params()
        device = training.resolve_device(self.device, self.precision)
        fitted = hasattr(self, "module_")
        fresh = not (fitted and (incremental or self.warm_start))
        if fresh or not incremental:
            self._fitted_precision = self.precision
        if fresh or not hasattr(self, "_rng"):
            self._rng = training.as_random_state(self.random_state)

        examples, target = self._examples(X, y, sample_weight, reset=fresh, **target_options)
        validation = None
        if X_val is not None:
            if examples.target is not None and y_val is None:
                raise ValueError("X_val was given without y_val")
            validation, _ = self._examples(X_val, y_val, None, reset=False)
        elif y_val is not None:
            raise ValueError("y_val was given without X_val")
        elif not incremental and self._stops_early(len(examples)):
            examples, validation = self._hold_out(examples, target)

        if fresh or not incremental:
            self._new_network(examples, device, continued=None if fresh else self.module_)
        self.net_.move(device)
        self._device = device
        settings = self._settings(incremental)
        self.net_.adopt(settings)
        run = training.Training(
            self.net_,
            examples,
            validation,
            settings,
            generator=training.torch_generator(self._rng),
            noise=training.torch_generator(self._rng, device),
            loss_floor=self._loss_floor,
            settles=not incremental,
        )
        done_before = run.epoch
        try:
            self._run(run, X, y, sample_weight, incremental)
        finally:
            if run.epoch > done_before:  # after an interrupt too, so that the work that is done is not lost
                for name, value in self._results(run, self.module_).items():
                    setattr(self, name, value)
        if not (incremental or run.converged or run.stopped or self.learning_rate_schedule == "cosine"):
            warnings.warn(
                f"The loss of {type(self).__name__} was still falling after "
                f"max_epochs={self._value('max_epochs')} epochs; "
                "a greater max_epochs, learning_rate or tol lets it converge.",
                ConvergenceWarning,
                stacklevel=5,
            )

    def _examples(
        self, X: Any, y: Any, sample_weight: Any, *, reset: bool, **target_options: Any
    ) -> tuple[training.Examples, Tensor | None]:
        """Encode everything once."""
        samples = self._encode(X, reset=reset)
        weight = None
        if sample_weight is not None:
            weight = _check_sample_weight(
                sample_weight, samples, dtype=np.float64, force_float_dtype=True, ensure_non_negative=True
            )
        target, weight = self._encode_target(y, weight, reset=reset, **target_options)
        if target is not None:
            check_consistent_length(samples, target)
        rows = None
        if weight is not None:
            if not (weight > 0).any():
                raise ValueError("no sample has a weight above zero, with sample_weight and class_weight multiplied")
            if (weight == 0).any():  # a weight of zero is an absent sample
                rows = torch.from_numpy(np.flatnonzero(weight))
            weight = weight / (weight.sum() / np.count_nonzero(weight))
        weights = None if weight is None else torch.as_tensor(weight, dtype=self._dtype)
        return training.Examples(samples, rows, target, weights), target

    def _stops_early(self, n_samples: int) -> bool:
        """Whether to hold validation data out of so many samples."""
        return self.early_stopping

    def _hold_out(
        self, examples: training.Examples, target: Tensor | None
    ) -> tuple[training.Examples, training.Examples]:
        """Split off the part that early stopping watches; the data themselves are not copied."""
        rows = np.arange(len(examples.samples)) if examples.rows is None else examples.rows.numpy()
        strata = self._strata(target)
        if len(rows) < 2:
            raise ValueError(f"early_stopping=True holds samples out and needs 2 of them at least, got {len(rows)}")
        try:
            parts = train_test_split(
                rows,
                test_size=self.validation_fraction,
                random_state=self._rng,
                stratify=None if strata is None else strata[rows],
            )
        except ValueError as error:
            raise ValueError(
                f"early_stopping=True cannot hold out validation_fraction={self.validation_fraction} of {len(rows)} "
                f"samples: {error} Validation data of your own go to fit as X_val."
            ) from error
        train, held_out = (dataclasses.replace(examples, rows=torch.from_numpy(part)) for part in parts)
        return train, held_out

    def _new_network(self, examples: training.Examples, device: torch.device, continued: nn.Module | None) -> None:
        """Build the network anew; with `continued`, give it that module's weights."""
        with torch.device("cpu"), training.drawing_from(training.torch_generator(self._rng)):
            module = self._build_on(examples)
        if continued is not None:
            try:
                module.load_state_dict(continued.state_dict())
            except RuntimeError as error:
                raise ValueError(
                    f"warm_start=True goes on from the previous fit, but the parameters now set ask for a network of "
                    f"another shape: {error}"
                ) from error
        self.module_: nn.Module = module.to(device, self._dtype)
        history = copy.copy(self.net_.history) if continued is not None else None
        self.net_: training.Network = training.Network(self.module_, self._error(), self._settings())
        if history is not None:
            self.net_.history = history

    def _value(self, name: str) -> Any:
        """The hyper-parameter of this name; a subclass says here what "auto" stands for."""
        return getattr(self, name)

    def _settings(self, incremental: bool = False) -> training.Settings:
        names = training.Settings.__dataclass_fields__
        values = {name: self._value(name) for name in names if hasattr(self, name)}
        values |= {"precision": self._fitted_precision}
        one_epoch = {"max_epochs": 1, "learning_rate_warmup": 0.0}
        return training.Settings(**(values | one_epoch if incremental else values))

    def _run(self, run: training.Training, X: Any, y: Any, sample_weight: Any, incremental: bool) -> None:
        """Train, with everyone told of it who asked to be."""
        observers: list[Any] = []
        context = None
        if not incremental:
            context = self._init_callback_context(max_subtasks=self._value("max_epochs"))
            data = {"X": X, "y": y, "metadata": {"sample_weight": sample_weight} if sample_weight is not None else None}
            context.call_on_fit_task_begin(estimator=self, **data)
            if hasattr(self, "_skl_callbacks"):
                observers.append(training.EpochTasks(self, context, self._copied_results, **data))
        line = None
        if self.verbose and not incremental:
            line = training.ProgressLine(type(self).__name__, self._value("max_epochs"))
            observers.append(line)
        try:
            with training.limited_threads():
                run.run(observers)
        finally:
            if line is not None:
                line.close()
        if context is not None:
            context.call_on_fit_task_end(
                estimator=self, reconstruction_attributes=lambda: self._copied_results(run), **data
            )

    def _results(self, run: training.Training, module: nn.Module) -> dict[str, Any]:
        """The fitted attributes that come of a training."""
        history = run.network.history
        names = ("loss", "validation_loss", "learning_rate", "duration")
        decisive = run.best_epoch if run.validation is not None else run.epoch
        return {
            "module_": module,
            "history_": {
                name: [epoch.get(name, np.nan) for epoch in history]
                for name in names
                if any(name in epoch for epoch in history)
            },
            "n_iter_": run.epoch,
            "best_epoch_": run.best_epoch,
            "loss_": history[decisive - 1]["loss"],
        }

    def _copied_results(self, run: training.Training) -> dict[str, Any]:
        """Fitted attributes for a copy of the estimator that must not disturb the network in training."""
        return self._results(run, copy.deepcopy(run.network.module_).eval()) | {"net_": None}

    def _apply(self, X: Any, function: Callable[[Any, Any], Tensor]) -> np.ndarray:
        """Check and encode `X` and apply ``function(module, batch)`` to it in chunks."""
        check_is_fitted(self)
        return self._apply_encoded(self._encode(X, reset=False), function)

    def _ready(self) -> torch.device:
        """Where the network is; out of a pickle, it goes to its device first."""
        device: torch.device | None = self._device
        if device is None:
            self._device = device = training.available_device(self.device, self._fitted_precision)
            self.module_.to(device)
        return device

    def _apply_encoded(self, samples: training.Samples, function: Callable[[Any, Any], Tensor]) -> np.ndarray:
        device = self._ready()
        batch_size = self._value("batch_size")
        with training.limited_threads():
            return training.apply(
                self.module_,
                samples,
                function,
                # Without gradients a batch takes less memory than in training.
                chunk=len(samples) if batch_size is None else max(8 * batch_size, 256),
                device=device,
                precision=self._fitted_precision,
            )

    # A fitted network keeps the precision of its fit, whatever the parameter is set to afterwards.

    @property
    def _dtype(self) -> torch.dtype:
        return training.tensor_dtype(self._fitted_precision)

    @property
    def _numpy_dtype(self) -> type[np.floating]:
        return np.float64 if self._fitted_precision == "float64" else np.float32

    # --- scikit-learn's contract -----------------------------------------------------------------------------------

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__(), _sklearn_ann_version=__version__)
        if state.get("_device") is not None:
            if state["_device"].type != "cpu":  # the file must open where there is no such device
                state["module_"], state["net_"] = copy.deepcopy((state["module_"], state["net_"]))
                state["net_"].move(torch.device("cpu"))
            state["_device"] = None
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        version = state.pop("_sklearn_ann_version", "unknown")
        if version != __version__:
            warnings.warn(
                InconsistentVersionWarning(
                    estimator_name=type(self).__name__,
                    current_sklearn_version=f"{__version__} of sklearn_ann",
                    original_sklearn_version=f"{version} of sklearn_ann",
                ),
                stacklevel=2,
            )
        super().__setstate__(state)


class NeuralTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, NeuralEstimator):
    """A network whose ``transform`` returns features named after the class, of the type that `precision` names."""

    def _check_codes(self, X: Any) -> training.Rows:
        """Check what ``transform`` may have returned, for a network that decodes it."""
        check_is_fitted(self)
        X = check_array(X, dtype=self._numpy_dtype, order="C")
        if X.shape[1] != self._n_features_out:
            raise ValueError(
                f"X has {X.shape[1]} columns, but the codes of this {type(self).__name__} have {self._n_features_out}"
            )
        return training.Rows(training.as_tensor(X))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64" if self.precision == "float64" else "float32"]
        return tags
