"""The life cycle that every architecture shares: prepare a plan, train it, store the result, predict."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Literal, Self, dataclass_transform

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Bunch, Tags, check_array
from sklearn.utils.validation import check_is_fitted
from torch import nn

from sklearn_ann import training
from sklearn_ann._warnings import warn
from sklearn_ann.base.budget import Budget
from sklearn_ann.base.links import DocumentedMixin
from sklearn_ann.base.losses import over_members
from sklearn_ann.base.names import compare_names, hidden_names
from sklearn_ann.base.parameters import (
    NonNegativeFloat,
    NonNegativeInt,
    OpenFraction,
    PositiveFloat,
    PositiveInt,
    RandomState,
    declared,
    fitted,
)
from sklearn_ann.base.pickling import opened, portable
from sklearn_ann.base.plan import Plan, applied, checked_groups, finite, with_weights_of
from sklearn_ann.base.planning import agree, new_plan, read_samples, resume, split_off
from sklearn_ann.base.progress import complaint_about
from sklearn_ann.base.targets import Targets
from sklearn_ann.layers import Ensemble, SupervisedNetwork, WithHead
from sklearn_ann.reading import Reader, RowReader, first_of
from sklearn_ann.reading.annotated import names_of_samples


@names_of_samples
@declared
@dataclass_transform(kw_only_default=True, eq_default=False, field_specifiers=(fitted,))
class NeuralEstimator(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, CallbackSupportMixin, DocumentedMixin, BaseEstimator
):
    """A neural network as a scikit-learn estimator.

    A subclass is its hyper-parameters, its docstring and four answers: what is a sample (`_reader`; rows by default),
    what is the network (`_network`, or `_body` of a supervised one), what is the error (`_error`), and what to take
    from the trained network (`_take`).

    Parameters
    ----------
    max_epochs : "auto" or int
        Maximum number of epochs in one ``fit``. With the schedule ``"cosine"``, all epochs are run. With the other
        schedules, training stops earlier if the watched loss no longer falls, and a ``ConvergenceWarning`` is issued if
        the loss is still falling in the last epoch. ``"auto"`` is 20 epochs, or the number of epochs with 600 optimiser
        steps if that is larger.

    batch_size : "auto", int or None
        Maximum number of samples in a batch. The sizes of the batches of an epoch differ by at most one. None, or a
        value above the number of samples, makes one batch of all samples. ``"auto"`` is a fiftieth of the number of
        samples, at least 32 and at most 256.

    learning_rate : float
        Step size of the optimiser.

    learning_rate_schedule : {"constant", "cosine", "adaptive"}
        How the learning rate changes. ``"constant"``: not at all. ``"cosine"``: it falls to zero over `max_epochs`
        along half a cosine, and all of these epochs are run. ``"adaptive"``: it is divided by five whenever the watched
        loss has not fallen for half of `n_iter_no_change` epochs.

    optimizer : {"adamw", "adam"}
        Adam (Kingma and Ba 2015). The two options differ in the effect of `weight_decay`.

    weight_decay : float
        Strength of the shrinkage of the weights. With ``"adamw"``, a step multiplies each weight by
        ``1 - learning_rate * weight_decay`` (Loshchilov and Hutter 2019, algorithm 2). With ``"adam"``, the loss
        includes ``weight_decay / 2`` times the sum of the squared weights.

    max_grad_norm : float or None
        Maximum Euclidean norm of the gradient of all weights together. A longer gradient is scaled down to this norm.
        None means no limit.

    early_stopping : bool
        Whether to hold out validation data, watch their loss, and keep the weights of the epoch with the smallest loss.
        The validation data are a random part of the samples, stratified by class in classifiers. If ``fit`` gets
        ``groups``, whole groups are held out, because related samples on both sides make the validation loss too small.
        If ``fit`` gets ``X_val``, the loss on these data is watched, and nothing is held out.

    validation_fraction : float
        Share of the samples, in (0, 1), that `early_stopping` holds out.

    n_iter_no_change : int
        Number of epochs without progress after which training stops. The schedule ``"cosine"`` ignores it. An epoch of
        fewer than 20 optimiser steps counts as a part of an epoch.

    tol : float
        Fraction by which the watched loss must fall in an epoch to count as progress.

    warm_start : bool
        Whether ``fit`` continues from the weights of the previous ``fit``, with a new optimiser. Samples are read as in
        the previous ``fit``. The shape of the network must not have changed.

    device : str
        Device of the computation: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ... or ``"mps"``. ``"auto"`` is the
        first CUDA device, in a worker process a CUDA device that no other fit uses, and the CPU if there is none. A
        model whose device is missing on the machine that loads the model uses the CPU.

    precision : {"float32", "float64", "bfloat16"}
        Type of weights, data and results. ``"bfloat16"`` computes the matrix products of the network in bfloat16, and
        everything else in float32.

    distributed : bool or "auto"
        Whether the processes that ``torchrun`` starts train one network together. Each process computes its part of
        every batch, and the result is that of one process with the same batches. ``"auto"`` means True if there are
        several such processes. With False, each process has its own fit, as the workers of joblib and dask always have.

    checkpoint : str, path or None
        File to which ``fit`` saves its state. If the same ``fit`` is run again after a failure, it resumes from the
        file, with the same result, bit for bit. For searches, give a folder, which must exist or end in ``"/"``: each
        fit has its own file in the folder. An empty string is refused; ``"./"`` is the current folder.

    random_state : int, RandomState instance or None
        Seed of the initial weights, the order of the samples, dropout and the validation split. The same int gives the
        same result on the same machine. None takes a seed from the operating system. The global generators of NumPy and
        torch are not used.

    verbose : int
        1 shows a progress line, 0 shows nothing.

    Attributes
    ----------
    module_ : torch.nn.Module
        The trained network.

    net_ : skorch.NeuralNet
        A skorch net with the same network, optimiser and history.

    reader_ : Reader
        What ``fit`` has learned about the samples, such as columns and scaling. Predictions read their samples with it.

    resolved_parameters_ : dict
        The hyper-parameters of the fit, with a value in place of each ``"auto"``. Predictions use these values: a
        parameter that is set after ``fit`` takes effect in the next ``fit``.

    history_ : dict of lists
        One value per epoch: ``"loss"`` and, with validation data, ``"validation_loss"`` (means over the samples),
        ``"learning_rate"`` and ``"duration"`` (seconds). ``pandas.DataFrame(history_)`` makes a table.

    n_iter_ : int
        Number of epochs.

    best_epoch_ : int
        The epoch, counted from 1, with the smallest watched loss.

    loss_ : float
        Mean loss over the training data in the epoch whose weights were kept.

    n_features_in_ : int
        Number of features seen during ``fit``.

    feature_names_in_ : array of str of shape (`n_features_in_`,)
        Names of the features, if X has names that are all strings.
    """

    max_epochs: PositiveInt | Literal["auto"] = 200
    batch_size: PositiveInt | Literal["auto"] | None = 32
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
    distributed: bool | Literal["auto"] = "auto"
    checkpoint: str | os.PathLike[str] | None = None
    random_state: RandomState = None
    verbose: NonNegativeInt = 0

    module_: nn.Module = fitted()
    reader_: Reader[Any] = fitted()
    resolved_parameters_: Bunch = fitted()
    history_: dict[str, list[float]] = fitted()
    n_iter_: int = fitted()
    best_epoch_: int = fitted()
    loss_: float = fitted()
    n_features_in_: int = fitted()
    feature_names_in_: np.ndarray = fitted()

    _loss_floor: ClassVar[float] = 0.0
    """Losses under this are as good as zero; see `training.loop.Patience`."""
    _taken: ClassVar[Any] = None
    _budget: ClassVar[Budget] = Budget(steps=600, epochs=20)
    """What ``max_epochs="auto"`` stands for."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        names_of_samples(declared(cls))

    # --- What an architecture answers ------------------------------------------------------------------------------
    # These are called while a fit is prepared or stored, never by a prediction.

    def _reader(self, X: Any, **common: Any) -> Reader[Any]:
        """What is a sample? Return a reader made of `common` and of the hyper-parameters that concern it.

        `X` is there for estimators that read several kinds of samples.
        """
        return RowReader(**common)

    def _targets(self, **common: Any) -> Targets | None:
        """What is predicted? Return targets made of `common`; None without targets."""
        return None

    def _auto(self, plan: Plan) -> dict[str, Any]:
        """What does "auto" stand for? Return values of hyper-parameters by name, for samples that are read."""
        return {}

    def _network(self, plan: Plan) -> nn.Module:
        """What is the network? Build it; torch draws its weights from `random_state`."""
        if plan.targets is None:
            raise NotImplementedError
        networks = [
            self._with_head(plan, *plan.body(number, self._body))
            for number in range(plan.parameters.get("n_estimators", 1))
        ]
        return networks[0] if len(networks) == 1 else Ensemble(networks, plan.targets.average)

    def _with_head(self, plan: Plan, body: nn.Module, n_features: int) -> WithHead:
        """Return one supervised network."""
        assert plan.targets is not None
        return WithHead(body, n_features, plan.targets.n_outputs)

    def _body(self, plan: Plan) -> tuple[nn.Module, int]:
        """What is the supervised network, without its last layer? Return it and the number of its features."""
        raise NotImplementedError

    def _error(self, plan: Plan) -> training.Error:
        """What is the error? Return ``(output, target) -> one loss per sample``, a function that holds no estimator."""
        if plan.targets is None:
            raise NotImplementedError
        return partial(over_members, plan.targets.error)

    def _step(self, plan: Plan, module: nn.Module, error: training.Error) -> training.Step:
        """How does it learn from a batch? By default one optimiser goes down the mean error."""
        return training.Step(module, error, plan.settings)

    def _take(self, plan: Plan, run: training.Training, module: nn.Module) -> dict[str, Any]:
        """What does it take from the trained network? Return further fitted attributes by name."""
        return {}

    # --- Preparing -------------------------------------------------------------------------------------------------

    def _prepare(
        self,
        X: Any,
        y: Any = None,
        *,
        sample_weight: Any = None,
        X_val: Any = None,
        y_val: Any = None,
        groups: Any = None,
        incremental: bool = False,
        **target_options: Any,
    ) -> Plan:
        """Validate, read, split and settle everything that a training needs; the estimator stays as it is."""
        self._validate_params()
        going_on = hasattr(self, "module_") and (incremental or self.warm_start)
        compare_names(X, y=y, sample_weight=sample_weight, groups=groups)
        compare_names(X_val, y_val=y_val)
        groups = None if groups is None else checked_groups(groups, X)
        plan = new_plan(self, first_of(X), going_on, incremental)
        plan.examples = read_samples(self, plan, X, y, sample_weight, learn=not going_on, **target_options)
        if X_val is not None:
            if plan.targets is not None and y_val is None:
                raise ValueError("X_val was given without y_val: expected both")
            plan.validation = plan.read(X_val, y_val, None, learn=False)
        elif y_val is not None:
            raise ValueError("y_val was given without X_val: expected both")
        if not (going_on and incremental):
            plan.replace_auto(self._auto(plan))
            plan.settle_length(self._budget)
        resume(plan, self, going_on)
        if X_val is None and not incremental and plan.parameters.early_stopping:
            split_off(plan, groups)
        error = self._error(plan)
        if going_on and incremental:
            # A copy, so that a call that fails or is interrupted leaves weights and optimiser as they were.
            plan.step = copy.deepcopy(self._learner)
            plan.step.move(plan.device)
            plan.settle_layers(plan.step.module, anew=False)
            plan.step.adopt(plan.settings)
        else:
            module = self._new_network(plan, going_on)
            plan.settle_layers(module)
            plan.step = self._new_step(plan, module, error)
        plan.history = list(self._records) if going_on else []
        plan.draw_seeds()
        return plan

    def _new_network(self, plan: Plan, going_on: bool) -> nn.Module:
        borrowed = going_on and plan.taken is not None  # another estimator built its body
        with training.drawing_from(training.torch_generator(plan.rng)):
            module: nn.Module = copy.deepcopy(self.module_) if borrowed else self._network(plan)
        module = module.to(plan.device, plan.dtype)
        return with_weights_of(module, self.module_) if going_on else module

    def _new_step(self, plan: Plan, module: nn.Module, error: training.Error) -> training.Step:
        return self._step(plan, module, error)

    # --- Training and storing --------------------------------------------------------------------------------------

    def _fit(self, X: Any, y: Any = None, **options: Any) -> Self:
        """Prepare, train, store; a fit that fails leaves the estimator as it was, Ctrl-C keeps whole epochs."""
        name = type(self).__name__
        with (
            training.isolated(),
            training.settled_threads(),
            training.leased(self.device),
            training.among_ranks(self.distributed, self.device, name),
        ):
            plan = agree(self._prepare(X, y, **options), name)
            run = plan.start(self._loss_floor)
            done_before = run.epoch
            try:
                self._train(plan, run, X, y, options.get("sample_weight"))
                results = self._results(plan, run, plan.step.module)
            except KeyboardInterrupt as interrupt:
                try:
                    if run.epoch > done_before:
                        self._store(self._results(plan, run, plan.step.module))
                finally:
                    raise interrupt  # whatever else may fail now
            self._store(results)
            complaint = complaint_about(name, plan, run)
        if complaint:
            warn(complaint, ConvergenceWarning)
        return self

    @with_callbacks
    def _train(self, plan: Plan, run: training.Training, X: Any, y: Any, sample_weight: Any) -> None:
        """Train, and tell everyone who asked to be told."""
        if plan.incremental:
            run.run()
            return
        name, max_epochs = type(self).__name__, plan.parameters.max_epochs
        context = self._init_callback_context(max_subtasks=max_epochs)
        data = {"X": X, "y": y, "metadata": None if sample_weight is None else {"sample_weight": sample_weight}}

        def copied(run: training.Training) -> dict[str, Any]:
            """Fitted attributes for a copy of the estimator, which must not disturb the network in training."""
            module = copy.deepcopy(plan.step.module).eval()
            return self._results(plan, run, module) | {"_learner": self._new_step(plan, module, plan.step.error)}

        observers: list[training.Observer] = []
        context.call_on_fit_task_begin(estimator=self, **data)
        if hasattr(self, "_skl_callbacks"):
            observers.append(training.EpochTasks(self, context, copied, **data))
        n_done = run.epoch + max_epochs - run.last  # by an earlier run, which a checkpoint goes on from
        with training.progress(name, max_epochs, self.verbose, n_done) as lines:
            run.run([*observers, *lines])
        context.call_on_fit_task_end(estimator=self, reconstruction_attributes=lambda: copied(run), **data)

    def _results(self, plan: Plan, run: training.Training, module: nn.Module) -> dict[str, Any]:
        """Return all that a fit leaves, by attribute."""
        names = dict.fromkeys(name for record in run.history for name in record)
        decisive = run.best_epoch if run.validation is not None else run.epoch
        return {
            **plan.reader.attributes,
            **(plan.targets.attributes if plan.targets is not None else {}),
            "reader_": plan.reader,
            "resolved_parameters_": plan.parameters,
            "module_": module.eval(),
            "history_": {name: [record.get(name, np.nan) for record in run.history] for name in names},
            "n_iter_": run.epoch,
            "best_epoch_": run.best_epoch,
            "loss_": run.history[decisive - 1]["loss"],
            "_given": plan.given,
            "_taken": plan.taken,
            "_coder": plan.targets,
            "_learner": plan.step,
            "_records": list(run.history),
            "_rng": plan.rng,
            "_device": plan.device,
            **self._take(plan, run, module),
        }

    def _store(self, results: dict[str, Any]) -> None:
        for name in set(vars(self).get("_stored", ())) - set(results):  # of an earlier fit on other samples
            self.__dict__.pop(name, None)
        for name, value in (results | {"_stored": tuple(results)}).items():
            setattr(self, name, value)

    # --- Predicting, by what the fit has kept ----------------------------------------------------------------------

    def transform(self, X: Any) -> np.ndarray:
        """Return the features that the network's last layer works on.

        Parameters
        ----------
        X : samples as in ``fit``
            The samples.

        Returns
        -------
        array of shape (n_samples, n_features_out)
        """
        features: np.ndarray = self._apply(X, lambda module, batch: module.features(batch))
        return features

    def _apply(self, X: Any, function: Callable[[Any, Any], Any], **how: Any) -> Any:
        """Read `X` and apply ``function(module, batch)`` to it in chunks; see `training.apply`."""
        return self._apply_to(self._read(X), function, **how)

    def _read(self, X: Any, y: Any = None) -> Any:
        """Read samples as they were read in the fit."""
        check_is_fitted(self)
        with training.isolated(), hidden_names(self):
            return self.reader_.read(self.reader_.opened(X), y)

    def _apply_to(self, samples: training.Samples, function: Callable[[Any, Any], Any], **how: Any) -> Any:
        device, kept = self._ready(), self.resolved_parameters_
        with training.isolated():
            result = applied(self.module_, samples, function, kept, device, **how)
        return finite(result, samples.valid)

    def module_input(self, X: Any) -> Any:
        """Return what ``module_`` takes, for tools that work on torch modules, such as captum.

        Parameters
        ----------
        X : samples as in ``fit``
            The samples.

        Returns
        -------
        Tensor, or named tuple of Tensors
            All samples as one batch, on the device of the module: ``module_(module_input(X))`` are the outputs.
        """
        samples = self._read(X)
        with training.isolated():
            batch = samples[torch.arange(len(samples), device=samples.device)]
            return training.on_device(batch, self._ready())

    def _ready(self) -> torch.device:
        """Return where the network is; after unpickling it first moves to its device."""
        if self._device is None:
            kept = self.resolved_parameters_
            device = training.available_device(kept.device, kept.precision)
            self.module_.to(device)
            self._device: torch.device | None = device
        return self._device

    def _check_codes(self, X: Any) -> training.Rows:
        """Check what ``transform`` may have returned, for a network that decodes it."""
        check_is_fitted(self)
        X = check_array(X, dtype=self.reader_.numpy_dtype, order="C")
        if X.shape[1] != self._n_features_out:
            raise ValueError(
                f"X has {X.shape[1]} columns, but the codes of this {type(self).__name__} have {self._n_features_out}"
            )
        return training.Rows(training.as_tensor(X))

    @property
    def _n_features_out(self) -> int:
        if isinstance(self.module_, SupervisedNetwork):
            return self.module_.n_features
        return int(self.resolved_parameters_.n_components)

    @property
    def net_(self) -> Any:
        """A skorch net that shares the module and the optimiser; training it does not reach ``history_``."""
        check_is_fitted(self)
        return training.as_skorch_net(self._learner, self._records)

    # --- scikit-learn's contract -----------------------------------------------------------------------------------

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64" if self.precision == "float64" else "float32"]
        return tags

    def __getstate__(self) -> dict[str, Any]:
        return portable(super().__getstate__())

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(opened(state, type(self).__name__))
