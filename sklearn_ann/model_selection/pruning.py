"""Trials of Optuna that are given up while their network trains."""

from __future__ import annotations

import os
from typing import Any

import numpy as np


class OptunaPruning:
    """A callback that reports the loss of each epoch to a trial of Optuna, and gives the trial up if Optuna says so.

    All else is Optuna's: the study, its sampler, its pruner, its storage. Needs Optuna:
    ``pip install "sklearn-ann-architectures[search]"``.

    Parameters
    ----------
    trial : optuna.Trial
        The trial that is under way.
    monitor : str
        What to report: a name in ``history_`` of the estimator. ``"validation_loss"`` needs validation data, from
        ``early_stopping=True`` or ``fit(X_val=...)``; ``"loss"`` is that of the training data.

    Raises
    ------
    ImportError
        If Optuna is missing.
    TypeError
        If `trial` is no trial.

    Notes
    -----
    Give the callback to a network, or to a pipeline or a search that contains one, by ``set_callbacks``. When the
    pruner gives the trial up, ``fit`` raises ``optuna.TrialPruned``, which ends the trial. The estimator is then as it
    was before ``fit``. ``cross_val_score`` and the searches take each exception for a failed fit, unless
    ``error_score="raise"``.

    The step of a report is the number of its epoch from 0. If a trial fits several times, such as on the folds of
    ``cross_val_score``, the epochs of fit k begin at ``k * max_epochs``, so that pruners compare equal folds. In a
    study that maximises, a loss is reported with a minus.

    Reports come from the process that runs the trial: within a trial, use ``n_jobs=1``. Trials themselves may run at
    the same time, by ``study.optimize(n_jobs=...)`` or in several processes that share a storage.

    References
    ----------
    Akiba, T., Sano, S., Yanase, T., Ohta, T. and Koyama, M. (2019). Optuna: a next-generation hyperparameter
    optimization framework. KDD. arXiv:1907.10902.

    Examples
    --------
    A function of a trial that ``optuna.create_study(direction="maximize").optimize`` takes:

    >>> from sklearn_ann import TabularClassifier
    >>> from sklearn_ann.model_selection import OptunaPruning
    >>> def accuracy(trial):
    ...     rate = trial.suggest_float("learning_rate", 1e-5, 1, log=True)
    ...     model = TabularClassifier(learning_rate=rate, random_state=0)
    ...     model.set_callbacks(OptunaPruning(trial)).fit(X, y, X_val=X_val, y_val=y_val)
    ...     return model.score(X_val, y_val)
    """

    max_propagation_depth = None
    """How deep meta-estimators hand the callback on; None for all the way to the network."""

    def __init__(self, trial: Any, monitor: str = "validation_loss") -> None:
        _optuna()
        if not (hasattr(trial, "report") and hasattr(trial, "should_prune")):
            raise TypeError(f"trial must be a trial of Optuna, which reports and prunes, got {trial!r}")
        self.trial, self.monitor = trial, monitor
        self._process = os.getpid()
        self._fits: list[tuple[Any, ...]] = []

    def setup(self, estimator: Any, context: Any) -> None:
        """Do nothing: the end of an epoch alone is reported.

        Parameters
        ----------
        estimator : estimator
            The estimator that is being fitted.
        context : CallbackContext
            Which task of its fit this is.
        """

    teardown = on_fit_task_begin = setup

    def on_fit_task_end(self, estimator: Any, context: Any) -> bool:
        """Report an epoch.

        Parameters
        ----------
        estimator : estimator
            The estimator that is being fitted.
        context : CallbackContext
            Which task of its fit this is.

        Returns
        -------
        bool
            False: to stop the training would leave a network that counts as trained.

        Raises
        ------
        optuna.TrialPruned
            If the pruner gives the trial up.
        ValueError
            If the network has no such loss.
        RuntimeError
            If the fit runs in another process than the trial.
        """
        record = getattr(context, "record", None)
        if record is None:  # no epoch of a network
            return False
        if self.monitor not in record:
            raise ValueError(
                f"monitor={self.monitor!r}, but an epoch of this {type(estimator).__name__} has {', '.join(record)}; "
                "early_stopping=True, or fit with X_val, gives it validation_loss"
            )
        if os.getpid() != self._process:
            raise RuntimeError(
                "OptunaPruning reports from the process that runs the trial: use n_jobs=1 within a trial, and run "
                "several trials at the same time"
            )
        loss = float(np.mean(record[self.monitor]))
        self.trial.report(-loss if self._maximises else loss, self._step(context))
        if self.trial.should_prune():
            raise _optuna().TrialPruned(
                f"{self.monitor} is {loss:.4g} after epoch {context.task_id + 1} of {type(estimator).__name__}"
            )
        return False

    def _step(self, context: Any) -> int:
        fit, above = [], context.parent
        while above is not None:
            fit.append((above.root_uuid, above.task_id))
            above = above.parent
        if tuple(fit) not in self._fits:
            self._fits.append(tuple(fit))
        return int(self._fits.index(tuple(fit)) * context.parent.max_subtasks + context.task_id)

    @property
    def _maximises(self) -> bool:
        study = getattr(self.trial, "study", None)  # which fixed trials do not have
        return study is not None and study.direction == _optuna().study.StudyDirection.MAXIMIZE


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise ImportError('OptunaPruning needs Optuna: pip install "sklearn-ann-architectures[search]"') from error
    return optuna
