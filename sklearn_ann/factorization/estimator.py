"""Regression of the entries of a tensor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from numbers import Integral
from typing import Any, ClassVar, Literal

import numpy as np
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted
from torch import nn

from sklearn_ann import training
from sklearn_ann.base import NeuralRegressor, Plan
from sklearn_ann.base.budget import Budget, automatic_batch_size
from sklearn_ann.base.parameters import (
    DropProbability,
    LayerSizes,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    fitted,
)
from sklearn_ann.base.plan import is_auto
from sklearn_ann.base.targets import Targets
from sklearn_ann.factorization.network import FactorizationBody
from sklearn_ann.factorization.step import LevelStep, conclude, of_both
from sklearn_ann.factorization.targets import NonNegativeTargets
from sklearn_ann.layers import Activation, SupervisedNetwork, layer_widths
from sklearn_ann.reading import LevelReader, Reader

MOST_ENTRIES = 100_000_000
"""Entries of the largest tensor that `impute` returns; the numbers take 0.8 GB."""
_CHUNK = 200_000  # entries that are predicted together
_MANY = 400  # batches of an epoch from which on larger batches are taken
_GREATEST_BATCH = 1024


def default_width(n_levels: int) -> int:
    """Return 8, and 16 from a thousand levels on."""
    return 8 if n_levels < 1000 else 16


def widths_of(given: Any, names: Sequence[Any], n_levels: Sequence[int]) -> list[int]:
    """Return the width of the vectors of each mode that ``embedding_dim`` stands for.

    Raises
    ------
    ValueError
        If it names another mode, has another number of modes, or a width is no integer from 1.
    """
    widths: list[Any] = [default_width(n) for n in n_levels]
    if isinstance(given, Mapping):
        unknown = [name for name in given if name not in names]
        if unknown:
            raise ValueError(f"embedding_dim has the mode {unknown[0]!r}, but the modes of X are {list(names)}")
        widths = [given.get(name, width) for name, width in zip(names, widths, strict=True)]
    elif isinstance(given, Sequence | np.ndarray) and not isinstance(given, str):
        if len(given) != len(names):
            raise ValueError(f"embedding_dim has {len(given)} widths, but X has {len(names)} modes")
        widths = list(given)
    elif not isinstance(given, str):
        widths = [given] * len(names)
    for name, width in zip(names, widths, strict=True):
        if isinstance(width, bool) or not isinstance(width, Integral) or int(width) < 1:
            raise ValueError(f"embedding_dim has the width {width!r} for mode {name!r}: expected an integer from 1")
    return [int(width) for width in widths]


class TensorFactorizationRegressor(NeuralRegressor):
    r"""Prediction of the missing entries of a tensor by deep factorisation.

    A sample is an entry of the tensor. X has one column for each mode, which contains the level of the entry, and y
    contains the values. Each level :math:`i_k` of mode k has a vector :math:`v_k`, factors :math:`f_k` and a bias
    :math:`b_k`. A prediction is a linear function of the features

    .. math:: h = g([v_1, \dots, v_M]) + W \, [f_1 \odot \dots \odot f_M, \; b_1, \dots, b_M],

    where g are dense layers [1]_ and the products of factors are the terms of a CP decomposition [2]_. Repetitions of
    an entry are separate samples.

    Vectors predict entries of a missing fibre badly, such as those of an experiment that was not made, because dense
    layers memorise the known pairs of levels. Such entries are predicted by :math:`h = q([m, w]) + U m` from their
    marginal means m: for each subset of the modes, the mean of the training targets of *other* entries with the same
    levels in these modes. The weights w depend on the number of these entries. In training each entry is predicted in
    both ways. For the second way a fibre of the entry, drawn anew in each step, is treated as missing, and no entry of
    this fibre contributes to the means. The target of an entry is never part of its own means. If most fibres have one
    entry or none, as in ratings by user, film and day, all predictions are made from the vectors.

    Random entries are easier to predict than fibres or new levels. In a validation hold out what will be missing later,
    by ``GroupKFold`` with the fibres as groups.

    The axes of the embeddings have no meaning: compare distances between levels.

    Parameters
    ----------
    interaction : {"both", "mlp", "cp"}
        Use of dense layers (``"mlp"``), of products of factors (``"cp"``), or of both.

    embedding_dim : "auto", int, dict or sequence of int
        Width of the vectors of levels: one for all modes, a dict by the name of the mode, or one for each mode.
        ``"auto"`` is 8, and 16 with a thousand levels or more, also for modes missing in a dict. With
        ``interaction="cp"`` there are no vectors.

    rank : int
        Number of products of factors.

    hidden_layer_sizes : int or tuple of ints
        Widths of the dense layers. The last is the number of features that ``transform`` returns.

    activation : {"identity", "logistic", "tanh", "relu", "elu", "gelu", "silu"}
        Function after each dense layer.

    dropout : float
        Probability, in [0, 1), to drop a hidden unit in training.

    marginal_means : bool
        Whether entries of missing fibres are predicted from marginal means. With more than five modes, the means of
        single modes and of pairs of modes are used.

    fibre_dropout : float
        Relative weight, in [0, 1), of the loss of entries whose fibres are treated as missing. Also the probability to
        train a level with features by its features only. With zero, the predictions for missing fibres are not trained:
        set ``marginal_means=False`` as well.

    unknown : {"error", "mean"}
        Treatment of a level that ``fit`` has not seen. ``"error"`` raises an error. ``"mean"`` predicts from the
        marginal means of the other levels of the entry or, if there are none, with the mean vector of the mode.

    side_information : dict or None
        Features of levels. The keys are names of modes, or positions if X has no names. The values are pandas data
        frames with the levels as index and columns of numbers. All levels in ``fit`` need a row. A level with a row
        that is not in ``fit``, such as a new drug, is predicted from its features; see Notes.

    non_negative : bool
        Whether predictions below zero are returned as zero. Negative targets are then an error. The training does not
        change. With ``loss="poisson"`` no prediction is negative in any case.

    Attributes
    ----------
    levels_ : dict
        The levels of each mode, sorted or in the order of an ordered categorical column, by the name of the mode or by
        its position: int64 if all are integers, else objects.

    embeddings_ : dict
        Arrays of shape (n_levels, width) by the name of the mode or by its position: the vectors of the levels, or
        their factors with ``interaction="cp"``. The vectors of several networks are concatenated.

    Notes
    -----
    Batches. If batches of 256 would make more than 400 steps in an epoch, ``batch_size="auto"`` is a four-hundredth of
    the entries, at most 1,024.

    With `side_information`, vector, factors and bias of a level with the features x are together

    .. math:: V x + e,

    where e is learned for this level. It starts at zero, is left out in a part of the training entries
    (`fibre_dropout`), and is zero for new levels. Features are standardised over the levels in ``fit``, and constant
    features are left out. Entries of new levels with features are predicted from vectors, not from marginal means.

    References
    ----------
    .. [1] Schreiber, J., Durham, T., Bilmes, J. and Noble, W. S. (2020). Avocado: a multi-scale deep tensor
       factorization method learns a latent representation of the human epigenome. Genome Biology 21, 81.

    .. [2] Kolda, T. G. and Bader, B. W. (2009). Tensor decompositions and applications. SIAM Review 51(3), 455-500.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ann import TensorFactorizationRegressor
    >>> rng = np.random.default_rng(0)
    >>> drugs, cells, doses = (rng.normal(size=(n, 2)) for n in (10, 12, 6))
    >>> tensor = np.einsum("ir,jr,kr->ijk", drugs, cells, doses)  # of rank 2
    >>> indices = np.argwhere(rng.uniform(size=tensor.shape) < 0.8)
    >>> model = TensorFactorizationRegressor(random_state=0).fit(indices, tensor[tuple(indices.T)])
    >>> whole = model.impute()
    >>> whole.shape
    (10, 12, 6)
    >>> model.embeddings_[0].shape
    (10, 8)
    """

    # The rate has the best mean rank over validation entries and fibres of IL-2, Roadmap, CP tensors and dose-response
    # curves: tests/benchmarks/benchmark_factorization_defaults.py. Widths and number of steps are from an earlier
    # round without Roadmap.
    interaction: Literal["both", "mlp", "cp"] = "both"
    embedding_dim: PositiveInt | Literal["auto"] | dict | list | tuple | np.ndarray = "auto"
    rank: PositiveInt = 16
    hidden_layer_sizes: LayerSizes = (256, 256)
    activation: Activation = "relu"
    dropout: DropProbability = 0.0
    marginal_means: bool = True
    fibre_dropout: DropProbability = 0.1
    unknown: Literal["error", "mean"] = "error"
    side_information: dict | None = None
    non_negative: bool = False
    max_epochs: PositiveInt | Literal["auto"] = "auto"
    batch_size: PositiveInt | Literal["auto"] | None = "auto"
    learning_rate: PositiveFloat = 5e-3
    learning_rate_schedule: training.Schedule = "cosine"
    weight_decay: NonNegativeFloat = 0.0
    max_grad_norm: PositiveFloat | None = 1.0

    reader_: LevelReader = fitted()
    levels_: dict[Any, np.ndarray] = fitted()
    embeddings_: dict[Any, np.ndarray] = fitted()

    _budget: ClassVar[Budget] = Budget(steps=1500, epochs=2, steps_of_sample=0.8, most_steps=4000)

    def _reader(self, X: Any, **common: Any) -> Reader[Any]:
        return LevelReader(
            unknown=self.unknown, means=self.marginal_means, side_information=self.side_information, **common
        )

    def _targets(self, **common: Any) -> Targets:
        if not self.non_negative:
            return super()._targets(**common)
        return NonNegativeTargets(loss=self.loss, quantile=self.quantile, **common)

    def _auto(self, plan: Plan) -> dict[str, Any]:
        n_samples, small = len(plan.examples), automatic_batch_size(len(plan.examples))
        if not is_auto(plan.parameters.batch_size) or n_samples <= _MANY * small:
            return {}
        # As good on held-out fibres of a large tensor as small batches, in two thirds of their time.
        batch_size = min(n_samples // _MANY, _GREATEST_BATCH)
        return {"batch_size": batch_size, "max_epochs": self._budget.max_epochs(n_samples, small)}

    def _body(self, plan: Plan) -> tuple[nn.Module, int]:
        p, reader = plan.parameters, plan.reader
        assert plan.targets is not None
        rank = 0 if p.interaction == "mlp" else p.rank
        hidden = () if p.interaction == "cp" else layer_widths(p.hidden_layer_sizes)
        n_features = hidden[-1] if hidden else rank
        body = FactorizationBody(
            reader.n_levels,
            widths_of(p.embedding_dim, reader.names, reader.n_levels),
            rank,
            n_outputs=plan.targets.n_outputs,
            hidden=hidden,
            n_features=n_features,
            activation=p.activation,
            dropout=p.dropout,
            lacking=reader.lacking,
            fibre_dropout=p.fibre_dropout,
            features=[None if part is None else part.matrix for part in reader.features],
        )
        return body, n_features

    def _error(self, plan: Plan) -> training.Error:
        return partial(of_both, super()._error(plan), plan.parameters.fibre_dropout)

    def _step(self, plan: Plan, module: nn.Module, error: training.Error) -> training.Step:
        return LevelStep(module, error, plan.settings)

    def _take(self, plan: Plan, run: training.Training, module: nn.Module) -> dict[str, Any]:
        conclude(module)  # once more after partial_fit, or if Ctrl-C came
        networks: Any = (
            [module] if isinstance(module, SupervisedNetwork) and module.average is None else module.networks
        )
        vectors = zip(*(network.body.vectors() for network in networks), strict=True)
        found = {name: np.hstack(parts) for name, parts in zip(plan.reader.names, vectors, strict=True)}
        return {"embeddings_": found}

    def impute(self, levels: Any = None) -> np.ndarray:
        """Return the whole tensor, or the part of it that some levels of each mode span, as predicted.

        Parameters
        ----------
        levels : dict or sequence of sequences, default=None
            Levels by the name of the mode or by its position, or those of each mode in turn. Modes that are missing in
            a dict, and all modes with None, have the levels of `levels_`.

        Returns
        -------
        array of shape (n_levels_1, ..., n_levels_M), or with n_outputs as a last axis
            Predictions in the order of `levels`. Entries that were in ``fit`` are predicted too.

        Raises
        ------
        ValueError
            If there are more than 100 million entries, or a mode or a level is not known.
        """
        check_is_fitted(self)
        chosen = self._chosen_levels(levels)
        shape = tuple(map(len, chosen))
        n_entries = int(np.prod(shape, dtype=np.float64))
        if n_entries > MOST_ENTRIES:
            raise ValueError(
                f"the tensor of shape {shape} has {n_entries} entries, more than {MOST_ENTRIES}: give impute the "
                "levels of one mode in several calls"
            )
        reader = self.reader_
        codes = [reader.codes_of_mode(mode, values) for mode, values in enumerate(chosen)]
        parts = []
        for start in range(0, n_entries, _CHUNK):
            places = np.unravel_index(np.arange(start, min(start + _CHUNK, n_entries)), shape)
            rows = np.stack([code[place] for code, place in zip(codes, places, strict=True)], axis=1)
            with training.isolated():
                samples = reader.of_codes(rows)
            outputs = self._apply_to(samples, SupervisedNetwork.forward)
            parts.append(self._decoder.predictions(outputs))
        values: np.ndarray = np.concatenate(parts)
        return values.reshape(shape + values.shape[1:])

    def _chosen_levels(self, levels: Any) -> list[Any]:
        known = self.levels_
        if levels is None:
            return list(known.values())
        if isinstance(levels, Mapping):
            unknown = [name for name in levels if name not in known]
            if unknown:
                raise ValueError(f"levels has the mode {unknown[0]!r}, but the modes are {list(known)}")
            levels = [levels.get(name, values) for name, values in known.items()]
        if isinstance(levels, str) or not hasattr(levels, "__len__"):
            raise TypeError(f"levels must be a dict, or a sequence with the levels of each mode, got {levels!r}")
        if len(levels) != len(known):
            raise ValueError(f"levels has {len(levels)} modes, but fit has seen {len(known)}: {list(known)}")
        for name, values in zip(known, levels, strict=True):
            if isinstance(values, str) or not np.ndim(values) == 1 or not len(values):
                raise ValueError(f"levels of mode {name!r} must be a sequence with one level or more, got {values!r}")
        return list(levels)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = tags.input_tags.two_d_array = False
        tags.input_tags.string = tags.input_tags.categorical = True
        tags.transformer_tags.preserves_dtype = []
        return tags
