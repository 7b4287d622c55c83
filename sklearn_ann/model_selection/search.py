"""A search over hyper-parameters that trains the networks of its candidates as one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import partial
from itertools import count, product
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import clone, is_classifier
from sklearn.model_selection import ParameterGrid, ParameterSampler, check_cv
from sklearn.utils import indexable
from sklearn.utils.parallel import Parallel

from sklearn_ann._sklearn import (
    BaseSearchCV,
    Interval,
    StrOptions,
    check_method_params,
    fit_context,
    insert_error_scores,
    warn_or_raise_about_fit_failures,
)
from sklearn_ann.base.links import DocumentedMixin
from sklearn_ann.model_selection.asynchronous import Ladder, Packets, climb
from sklearn_ann.model_selection.evaluation import Fit, evaluate, mean_scores
from sklearn_ann.model_selection.halving import best_of_last, have_failed, n_evaluations, rungs, survivors, worked
from sklearn_ann.model_selection.shared import StepMemory


class StackedSearchCV(DocumentedMixin, BaseSearchCV):
    """Search over hyper-parameters with cross-validation, with the networks of all candidates trained together.

    The results are those of ``GridSearchCV`` or ``RandomizedSearchCV``, in less time. All candidates are fitted on all
    folds at the same time: each fit runs up to the training of its network and waits there for the other fits. Networks
    of equal shapes are then trained as one stacked network, whose layers process the batches of all networks at once.
    The training of a small network is mostly overhead, and a stack has this overhead once. Learning rates, penalties,
    seeds, weights and folds may differ within a stack. Networks of different shapes form several stacks. Networks that
    cannot be stacked, such as those with more than 100,000 weights on the CPU, are trained one by one. Steps of a
    pipeline that do not differ are fitted once for each fold.

    With ``resource="epochs"``, candidates are rejected by successive halving (Jamieson and Talwalkar 2016; Karnin et
    al. 2013): all candidates train for a part of their epochs, the best ``1 / factor`` of them continue from their
    weights, and so on. The learning rate follows the schedule of the complete training from the first epoch on.

    Parameters
    ----------
    estimator : estimator
        A network, or whatever contains networks, such as a pipeline. Other estimators are fitted one by one.

    param_grid : dict or list of dict
        Values by the names of hyper-parameters: all combinations are candidates. With `n_iter`, a value may also be a
        distribution with a method ``rvs``, such as those of ``scipy.stats``.

    n_iter : int or None
        Number of candidates to draw from `param_grid`; None for all combinations.

    resource : {"epochs"} or None
        ``"epochs"`` rejects candidates after a part of their epochs (successive halving). None trains every candidate
        for all of its epochs.

    factor : int
        One in `factor` candidates continues in the next round, for `factor` times as many epochs. At least 2.

    min_epochs : int
        Least number of epochs of the first round of halving. The number of rounds is the largest that `factor`, the
        number of candidates and `min_epochs` allow.

    asynchronous : bool
        Whether a candidate continues as soon as it is among the best ``1 / factor`` of the candidates that have trained
        as long (Li et al. 2020). No process waits for the end of a round. With several processes, the result depends on
        the order in which candidates finish.

    max_time : float or None
        Seconds after which no further round of halving begins, or no further stack of candidates without rounds; the
        best of those that were evaluated is taken, and `cv_results_` has all of them. None for no limit.

    scoring : str, callable, list, tuple, dict or None
        How to score, as in ``GridSearchCV``; None for the estimator's ``score``.

    n_jobs : int or None
        Number of processes. With ``n_jobs=2`` two processes have half of the fits each, as a stack.

    refit : bool, str or callable
        Whether to fit the best candidate on all samples; with several metrics, the name of the one that decides; or a
        function of ``cv_results_`` that returns the row of the best.

    cv : int, splitter, iterable or None
        The folds, as in ``GridSearchCV``.

    verbose : int
        Higher numbers print more.

    pre_dispatch : int or str
        Number of stacks that are handed to the processes in advance.

    error_score : "raise" or float
        Score of a candidate on a fold where its fit fails.

    return_train_score : bool
        Whether to score the training samples too.

    stack_size : int
        Largest number of fits that are under way at the same time in a process. All of them hold their network and
        their samples in memory.

    random_state : int, RandomState instance or None
        Seed of the candidates that are drawn.

    Attributes
    ----------
    cv_results_ : dict of arrays
        As in ``GridSearchCV``. With halving there is one row for each candidate and round, with the columns ``iter``
        (the round) and ``n_resources`` (the most epochs of a network in any fold).

    best_estimator_ : estimator
        The best candidate, fitted on all samples. With halving it is the best of the last round. If all fits of a round
        fail, halving ends with a ``FitFailedWarning``, and the round before is the last one.

    best_score_ : float
        Its mean score over the folds.

    best_params_ : dict
        Its hyper-parameters.

    best_index_ : int
        Its row in `cv_results_`.

    scorer_ : callable or dict
        What scored.

    n_splits_ : int
        Number of folds.

    refit_time_ : float
        Seconds that the last fit took.

    multimetric_ : bool
        Whether there are several metrics.

    classes_ : array of shape (n_classes,)
        Labels of a classifier.

    n_features_in_ : int
        Number of features of the best estimator.

    feature_names_in_ : array of str
        Names of its features, if it has them.

    n_candidates_ : list of int
        Number of candidates in each round of halving.

    Notes
    -----
    ``mean_fit_time`` is the time of a fit by itself and its part of the time of its stack.

    References
    ----------
    Karnin, Z., Koren, T. and Somekh, O. (2013). Almost optimal exploration in multi-armed bandits. ICML.

    Jamieson, K. and Talwalkar, A. (2016). Non-stochastic best arm identification and hyperparameter optimization.
    AISTATS.

    Li, L. et al. (2020). A system for massively parallel hyperparameter tuning. MLSys.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_ann import AutoEncoderTransformer
    >>> from sklearn_ann.model_selection import StackedSearchCV
    >>> X = load_digits().data[:300]
    >>> model = AutoEncoderTransformer(max_epochs=5, random_state=0)
    >>> search = StackedSearchCV(model, {"learning_rate": [1e-4, 1e-2]}, cv=3).fit(X)
    >>> search.best_params_
    {'learning_rate': 0.01}
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseSearchCV._parameter_constraints,
        "param_grid": [dict, list],
        "n_iter": [Interval(Integral, 1, None, closed="left"), None],
        "resource": [StrOptions({"epochs"}), None],
        "factor": [Interval(Integral, 2, None, closed="left")],
        "min_epochs": [Interval(Integral, 1, None, closed="left")],
        "asynchronous": ["boolean"],
        "max_time": [Interval(Real, 0, None, closed="neither"), None],
        "stack_size": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any,
        param_grid: Any,
        *,
        n_iter: int | None = None,
        resource: Literal["epochs"] | None = None,
        factor: int = 3,
        min_epochs: int = 1,
        asynchronous: bool = False,
        max_time: float | None = None,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: bool | str | Callable[..., Any] = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: int | str = "2*n_jobs",
        error_score: float | str = np.nan,
        return_train_score: bool = False,
        stack_size: int = 32,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            estimator=estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.param_grid = param_grid
        self.n_iter = n_iter
        self.resource = resource
        self.factor = factor
        self.min_epochs = min_epochs
        self.asynchronous = asynchronous
        self.max_time = max_time
        self.stack_size = stack_size
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Fit and score all candidates, and fit the best of them on all samples.

        Parameters
        ----------
        X : array-like, data frame, list or whatever the estimator reads
            The samples.
        y : array-like or None
            The targets.
        **params
            Passed on as by ``GridSearchCV``: to ``fit`` of the estimator, the scorer and the splitter.

        Returns
        -------
        self
        """
        deadline = None if self.max_time is None else time.monotonic() + self.max_time
        scorers, refit_metric = self._get_scorers()
        if self.asynchronous and self.resource is None:
            raise ValueError("asynchronous=True is a kind of halving, which needs resource='epochs', got resource=None")
        X, y = indexable(X, y)
        params = check_method_params(X, params=params)
        routed = self._get_routed_params_for_fit(params)
        weight = params.get("sample_weight")
        data = {"X": X, "y": y, "metadata": None if weight is None else {"sample_weight": weight}}
        context = self._init_callback_context(max_subtasks=1 + (self.refit is not False))
        context.call_on_fit_task_begin(estimator=self, **data)

        folds = self._folds(X, y, routed.splitter.split)
        base = clone(self.estimator)
        common = {
            "scorer": scorers,
            "fit_params": routed.estimator.fit,
            "score_params": routed.scorer.score,
            "return_train_score": self.return_train_score,
            "return_n_test_samples": True,
            "return_times": True,
            "return_parameters": False,
            "error_score": self.error_score,
            "verbose": self.verbose,
            "caller": self,
        }
        with Parallel(n_jobs=self.n_jobs, pre_dispatch=self.pre_dispatch) as parallel:

            def run(fits: Sequence[Fit], memory: StepMemory | None) -> list[Fit]:
                how = {"stack_size": self.stack_size, "parallel": parallel, "memory": memory}
                return evaluate(fits, base, X, y, **how, **common)

            climbed = partial(climb, estimator=base, X=X, y=y, **common)
            results, refit_metric = self._search(run, climbed, folds, refit_metric, deadline, context)

        if self.refit or not self.multimetric_:
            self._choose(refit_metric, results)
        self.scorer_ = getattr(scorers, "_scorers", scorers)  # of several metrics: a dict
        self.cv_results_ = results
        if self.refit:
            self._refit(base, routed.estimator.fit, data, context)
        context.call_on_fit_task_end(estimator=self, **data)
        return self

    def _folds(self, X: Any, y: Any, split_params: dict[str, Any]) -> list[Any]:
        splitter = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        self.n_splits_ = splitter.get_n_splits(X, y, **split_params)
        folds = list(splitter.split(X, y, **split_params))
        if len(folds) != self.n_splits_:
            raise ValueError(
                f"cv.split and cv.get_n_splits return inconsistent results: {len(folds)} and {self.n_splits_} folds"
            )
        return folds

    def _announce(self, n_candidates: int, n_folds: int) -> None:
        totals = f"{n_candidates} candidates, totalling {n_candidates * n_folds} fits"
        print(f"Fitting {n_folds} folds for each of {totals}")  # noqa: T201 (as GridSearchCV)

    def _candidates(self) -> list[dict[str, Any]]:
        if self.n_iter is None:
            return list(ParameterGrid(self.param_grid))
        return list(ParameterSampler(self.param_grid, self.n_iter, random_state=self.random_state))

    def _search(
        self,
        run: Callable[[Sequence[Fit], StepMemory | None], list[Fit]],
        climb: Callable[..., list[Fit]],
        folds: Sequence[Any],
        metric: str,
        deadline: float | None,
        context: Any,
    ) -> tuple[dict[str, Any], str]:
        """Evaluate the candidates, in rounds; return the results of all rounds, and the metric that decides."""
        candidates = self._candidates()
        shares = [Fraction(1)] if self.resource is None else rungs(len(candidates), self.factor)
        n_fits = n_evaluations(len(candidates), self.factor, len(shares)) * len(folds)
        context = context.subcontext(
            task_name="search", max_subtasks=None if self.asynchronous else n_fits, sequential_subtasks=False
        )
        context.call_on_fit_task_begin(estimator=self)
        n_made = count()

        def fit_of(candidate: int, fold: int, rung: int, earlier: Fit | None) -> Fit:
            options = {
                "train": folds[fold][0],
                "test": folds[fold][1],
                "parameters": candidates[candidate],
                "split_progress": (fold, len(folds)),
                "candidate_progress": (candidate, len(candidates)),
                "callback_ctx": context.subcontext(task_name="candidate-split-evaluation", task_id=next(n_made)),
            }
            fit = Fit(candidate, fold, options, shares[rung], self.min_epochs, rung=rung)
            if earlier is not None:
                fit.states, fit.carried = earlier.states, earlier.carried
            return fit

        if self.asynchronous:
            done, metric = self._in_any_order(climb, fit_of, len(candidates), len(shares), metric, deadline)
        else:
            done, metric = self._in_rounds(run, fit_of, len(candidates), len(shares), metric, deadline)
        context.call_on_fit_task_end(estimator=self)
        return self._tabulated(candidates, done), metric

    def _in_rounds(
        self,
        run: Callable[[Sequence[Fit], StepMemory | None], list[Fit]],
        fit_of: Callable[..., Fit],
        n_candidates: int,
        n_rungs: int,
        metric: str,
        deadline: float | None,
    ) -> tuple[list[Fit], str]:
        going = list(range(n_candidates))
        done: list[Fit] = []
        fresh: list[Fit] = []
        memory = None if self.resource is None else StepMemory()
        for rung in range(n_rungs):
            if rung and (have_failed(fresh) or _is_over(deadline)):
                break
            if rung:
                going = survivors(going, mean_scores(fresh, metric, self.n_splits_), self.factor)
            if self.verbose > 0:
                self._announce(len(going), self.n_splits_)
            last = {(fit.candidate, fit.fold): fit for fit in fresh if fit.candidate in going}
            for fit in fresh:
                if fit.candidate not in going:
                    fit.forget()
            if memory is not None:
                memory.keep(key for fit in last.values() for key in fit.steps)
            fresh = []
            for wave in self._waves(going, self.n_splits_, deadline):
                places = product(wave, range(self.n_splits_))
                fresh += run([fit_of(*place, rung, last.get(place)) for place in places], memory)
            done += fresh
            metric = self._check(fresh, metric) if rung == 0 or not have_failed(fresh) else metric
            for fit in last.values():
                fit.forget()
        return worked(done), metric

    def _in_any_order(
        self,
        climb: Callable[..., list[Fit]],
        fit_of: Callable[..., Fit],
        n_candidates: int,
        n_rungs: int,
        metric: str,
        deadline: float | None,
    ) -> tuple[list[Fit], str]:
        packets = Packets(
            Ladder(n_candidates, n_rungs, self.factor),
            fit_of,
            n_folds=self.n_splits_,
            n_jobs=self.n_jobs,
            stack_size=self.stack_size,
            is_over=lambda: _is_over(deadline),
        )

        def mean(fits: Sequence[Fit]) -> float:
            return float(mean_scores(fits, self._deciding(fits, metric), self.n_splits_)[0])

        if self.verbose > 0:
            self._announce(n_candidates, self.n_splits_)
        done = worked(climb(packets, mean=mean))
        return done, self._check(done, metric)

    def _waves(self, candidates: list[int], n_folds: int, deadline: float | None) -> Iterator[list[int]]:
        """Yield candidates to evaluate next, until the time is over; all at once if there is no such time."""
        if deadline is None or self.resource is not None:
            yield candidates
            return
        size = max(1, effective_n_jobs(self.n_jobs) * self.stack_size // n_folds)
        for begin in range(0, len(candidates), size):
            if begin and _is_over(deadline):
                return
            yield candidates[begin : begin + size]

    def _check(self, fits: Sequence[Fit], metric: str) -> str:
        """Report failed fits, and return the name of the metric that decides."""
        out = [fit.result for fit in fits]
        if not out:
            raise ValueError("no candidate was fitted: param_grid has none, or the splitter of cv has no folds")
        warn_or_raise_about_fit_failures(out, self.error_score)
        if callable(self.scoring):
            insert_error_scores(out, self.error_score)
        return self._deciding(fits, metric)

    def _deciding(self, fits: Sequence[Fit], metric: str) -> str:
        """Return the name of the metric that decides, which a scorer may have made up itself."""
        first = next((fit.result for fit in fits if not fit.result["fit_error"]), fits[0].result)["test_scores"]
        self.multimetric_ = isinstance(first, dict)
        if callable(self.scoring) and self.multimetric_:
            self._check_refit_for_multimetric(first)
            metric = self.refit
        if self.resource is None:
            return metric
        whole = [fit for fit in fits if not fit.result["fit_error"]]
        if whole and not any(fit.epochs for fit in whole):
            raise ValueError(
                f"resource='epochs', but {type(self.estimator).__name__} trains no network of sklearn_ann: use "
                "resource=None, or HalvingGridSearchCV of scikit-learn"
            )
        if self.multimetric_ and not isinstance(metric, str):
            raise ValueError(f"refit must name the metric by which candidates are dropped, got refit={self.refit!r}")
        return metric

    def _tabulated(self, candidates: Sequence[dict[str, Any]], fits: Sequence[Fit]) -> dict[str, Any]:
        """Return ``cv_results_``."""
        n_folds = self.n_splits_
        rows = [candidates[fit.candidate] for fit in fits[::n_folds]]
        more = {}
        self.__dict__.pop("n_candidates_", None)  # of an earlier fit
        if self.resource is not None:
            epochs = [max(fit.epochs for fit in fits[row : row + n_folds]) for row in range(0, len(fits), n_folds)]
            more = {"iter": [fit.rung for fit in fits[::n_folds]], "n_resources": epochs}
            self.n_candidates_ = np.bincount(more["iter"]).tolist()
        return dict(self._format_results(rows, n_folds, [fit.result for fit in fits], more))

    def _choose(self, metric: str, results: dict[str, Any]) -> None:
        if self.resource is not None and not callable(self.refit):
            self.best_index_ = best_of_last(results, metric)
        else:
            self.best_index_ = self._select_best_index(self.refit, metric, results)
        if not callable(self.refit):
            self.best_score_ = results[f"mean_test_{metric}"][self.best_index_]
        self.best_params_ = results["params"][self.best_index_]

    def _refit(self, base: Any, fit_params: dict[str, Any], data: dict[str, Any], context: Any) -> None:
        """Fit the best candidate on all samples."""
        # Parameters that are estimators must not be fitted themselves.
        best = clone(base).set_params(**clone(self.best_params_, safe=False))
        context = context.subcontext(task_name="refit-with-best-params")
        with context.propagate_callback_context(best):
            context.call_on_fit_task_begin(estimator=self, **data)
            begin = time.time()
            best.fit(data["X"], **fit_params) if data["y"] is None else best.fit(data["X"], data["y"], **fit_params)
            self.refit_time_ = time.time() - begin
        self.best_estimator_ = best
        if hasattr(best, "feature_names_in_"):
            self.feature_names_in_ = best.feature_names_in_
        context.call_on_fit_task_end(estimator=self, **data)


def _is_over(deadline: float | None) -> bool:
    return deadline is not None and time.monotonic() >= deadline
