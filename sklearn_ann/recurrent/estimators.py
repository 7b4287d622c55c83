"""Estimators of strings and series: recurrent networks."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from sklearn_ann import training
from sklearn_ann.base import NeuralClassifier, NeuralRegressor, Plan, Targets
from sklearn_ann.base.budget import Budget
from sklearn_ann.base.names import names_of_a_column
from sklearn_ann.base.parameters import DropProbability, PositiveFloat, PositiveInt, chosen_names, fitted
from sklearn_ann.base.plan import checked_weights
from sklearn_ann.base.saliency import Maps, SaliencyMixin
from sklearn_ann.base.supervised import NeuralPredictor, known_targets
from sklearn_ann.layers import Cell, ConvolutionLayer, Recurrent, SupervisedNetwork, convolution_layers
from sklearn_ann.reading import GridBatch, GridSamples, Reader
from sklearn_ann.reading.alphabets import Unknown
from sklearn_ann.reading.series import SeriesReader
from sklearn_ann.recurrent.network import RecurrentBody, StatePooling, convolution_blocks, steps_of
from sklearn_ann.recurrent.targets import StepTargets


def automatic_layers(samples: GridSamples, strings: bool, at_steps: bool) -> list[ConvolutionLayer]:
    """Return the convolutions of ``conv_layers="auto"``."""
    if strings:
        first = ConvolutionLayer(64, 9, 1 if at_steps else 2)
        return [first] if at_steps or samples.n_channels > 4 else [first, ConvolutionLayer(64, 5, 2)]
    if at_steps:  # a convolution would see later steps
        return []
    length = max(int(samples.sizes[:, 0].median()), 1)
    return [ConvolutionLayer(64, 9, 2)] * min(max(0, int(math.log2(length / 32))), 6)


class RecurrentEstimator(SaliencyMixin, NeuralPredictor):
    """Base of the recurrent estimators.

    Parameters
    ----------
    output : {"sample", "sequence"}
        Kind of the target. ``"sample"`` is one target for each sample. ``"sequence"`` is one target for each step:
        ``y`` contains an array of shape (length,) or (length, n_outputs) for each sample, or in classification a string
        with one letter for each step. The loss of a sample is the mean over its steps, without steps whose target is
        NaN or None. Predictions are an array if y in ``fit`` was an array and the lengths agree. Otherwise they are an
        array of objects, with an array or a string for each sample.

    conv_layers : "auto" or sequence of (n_filters, kernel_size) or (n_filters, kernel_size, pool_size)
        Convolutions before the recurrent layers, which then read patterns instead of single letters (Quang and Xie
        2016); ``()`` for none. The maximum of `pool_size` neighbours becomes one step. The default ``"auto"`` depends
        on the samples:

        - DNA and RNA: ``((64, 9, 2), (64, 5, 2))``;
        - alphabets of more than four letters: ``((64, 9, 2),)``;
        - numbers: one layer ``(64, 9, 2)`` for each halving of the median length that leaves 32 steps or more, at most
          six;
        - ``output="sequence"``: ``((64, 9),)`` for strings and none for numbers, because pooling would remove steps.

        If all strings have one length, half of the filters have a bias at each position.

    cell : {"lstm", "gru", "plain"}
        Cell that computes the next state: a long short-term memory (Hochreiter and Schmidhuber 1997), a gated recurrent
        unit (Cho et al. 2014), or a plain tanh (Elman 1990), which loses information within tens of steps. On a CPU a
        fit with ``"lstm"`` takes less than half of the time of a fit with ``"gru"``.

    hidden_size : int
        Number of units of the state in each direction.

    n_layers : int
        Number of recurrent layers. Each further layer reads the states of the previous layer.

    bidirectional : "auto" or bool
        Whether additional units read each sample from its end. The prediction for a step then depends on later steps,
        which is not allowed in a forecast. ``"auto"`` is False for ``output="sequence"`` on numbers, and True
        otherwise.

    pooling : {"last", "mean", "max", "attention"} or sequence of these
        Features of a sample: the state after the last step in each direction, the mean or the maximum over the steps,
        or a mean with learned weights. Several are concatenated. Not used with ``output="sequence"``.

    dropout : float
        Probability, in [0, 1), to drop a feature, an output of a convolution or an input of a further layer in
        training.

    alphabet : {"auto", "dna", "rna", "protein"} or str
        Name of the alphabet of the strings, or its letters. ``"auto"`` decides by the letters in ``fit``, as in
        `CNNClassifier`. Lower-case letters are read as upper-case letters.

    unknown : {"error", "ambiguous"}
        Treatment of letters outside the alphabet: an error, or a letter that may be any.

    max_epochs : "auto" or int
        Number of epochs. ``"auto"`` is 20, or more if this is needed for four optimiser steps for each sample, at least
        200 and at most 1,000 steps.

    Attributes
    ----------
    sample_type_ : {"sequence", "signal"}
        Kind of the samples in ``fit``: strings or series of numbers.

    alphabet_ : str or None
        ``"dna"``, ``"rna"``, ``"protein"`` or the letters given; None if X are not strings.

    letters_ : str or None
        The letters of the alphabet in the order of ``saliency``; None if X are not strings.

    n_features_in_ : int
        1 for strings; the number of columns for rows of numbers; else the number of channels.

    feature_names_in_ : array of str of shape (`n_features_in_`,)
        Names of the columns of a frame, if all are strings.
    """

    output: Literal["sample", "sequence"] = "sample"
    conv_layers: Any = "auto"
    cell: Cell = "lstm"
    hidden_size: PositiveInt = 64
    n_layers: PositiveInt = 2
    bidirectional: Literal["auto"] | bool = "auto"
    pooling: Any = ("last", "mean", "max")
    dropout: DropProbability = 0.2
    alphabet: str = "auto"
    unknown: Unknown = "error"
    max_epochs: PositiveInt | Literal["auto"] = "auto"
    learning_rate: PositiveFloat = 3e-3
    learning_rate_schedule: training.Schedule = "cosine"
    max_grad_norm: PositiveFloat | None = 1.0

    sample_type_: Literal["sequence", "signal"] = fitted()
    alphabet_: str | None = fitted()
    letters_: str | None = fitted()

    _budget: ClassVar[Budget] = Budget(steps=200, epochs=20, steps_of_sample=4, most_steps=1000)

    get_feature_names_out = names_of_a_column

    def _reader(self, X: Any, **common: Any) -> Reader[Any]:
        return SeriesReader(alphabet=self.alphabet, unknown=self.unknown, **common)

    def _targets(self, **common: Any) -> Targets:
        targets = super()._targets(**common)
        assert targets is not None
        return targets if self.output == "sample" else StepTargets(steps=targets, **common)

    def _auto(self, plan: Plan) -> dict[str, Any]:
        strings, at_steps = plan.reader.kind == "sequence", plan.parameters.output == "sequence"
        return {
            "conv_layers": automatic_layers(plan.examples.samples, strings, at_steps),
            "bidirectional": strings or not at_steps,
        }

    def _body(self, plan: Plan) -> tuple[nn.Module, int]:
        p, reader = plan.parameters, plan.reader
        at_steps, pooling = p.output == "sequence", chosen_names("pooling", p.pooling, get_args(StatePooling))
        layers = convolution_layers(p.conv_layers, [], least=0)
        if at_steps and any(layer.pool_size > 1 for layer in layers):
            raise ValueError(
                f"conv_layers={p.conv_layers!r} pools steps, but output='sequence' predicts each: give (n_filters, "
                "kernel_size)"
            )
        blocks = convolution_blocks(layers, reader.n_inputs, reader.size, biased=reader.kind == "sequence")
        n_inputs = layers[-1].n_filters if layers else reader.n_inputs
        recurrent = Recurrent(p.cell, n_inputs, p.hidden_size, p.n_layers, p.bidirectional, p.dropout)
        body = RecurrentBody(blocks, recurrent, None if at_steps else pooling, p.dropout)
        return body, body.n_features

    # --- Predicting ------------------------------------------------------------------------------------------------

    @property
    def _at_steps(self) -> bool:
        return isinstance(self._coder, StepTargets)

    def _of_steps(self, X: Any, function: Callable[[Any, Any], Tensor]) -> list[np.ndarray]:
        """Apply a function that returns a row for each step, and return the rows of each sample."""

        def divided(module: Any, batch: GridBatch) -> list[Tensor]:
            return list(function(module, batch).split(steps_of(batch)))

        rows: list[np.ndarray] = self._apply(X, divided)
        return rows

    def _decoded(
        self,
        X: Any,
        decode: Callable[[np.ndarray], Any],
        function: Callable[[Any, Any], Tensor] = SupervisedNetwork.forward,
    ) -> Any:
        if not self._at_steps:
            return super()._decoded(X, decode, function)
        rows = self._of_steps(X, function)
        decoded, lengths = decode(np.concatenate(rows)), [len(part) for part in rows]
        if isinstance(decoded, tuple):
            return tuple(self._coder.cut(part, lengths) for part in decoded)
        return self._coder.cut(decoded, lengths)

    def _scored(
        self, X: Any, y: Any, sample_weight: Any
    ) -> tuple[np.ndarray, Any, np.ndarray | None, np.ndarray | None]:
        check_is_fitted(self)
        if not self._at_steps:
            return super()._scored(X, y, sample_weight)
        rows = self._of_steps(X, SupervisedNetwork.forward)
        targets, places, series = self._coder.known(y, [len(part) for part in rows])
        weight = checked_weights(sample_weight, len(rows))
        predictions = self._decoder.predictions(np.concatenate(rows))[places]
        return predictions, targets, known_targets(targets), None if weight is None else weight[series]

    def transform(self, X: Any) -> np.ndarray:
        """Return features of the samples.

        Parameters
        ----------
        X : samples as in ``fit``
            The samples.

        Returns
        -------
        array of shape (n_samples, n_features_out)
            The pooled states, which the last layer works on; with ``output="sequence"`` the mean of the states over the
            steps.
        """
        check_is_fitted(self)
        if not self._at_steps:
            return super().transform(X)
        features = self._of_steps(X, lambda module, batch: module.features(batch))
        return np.stack([part.mean(axis=0) for part in features])

    def hidden_states(self, X: Any) -> Maps:
        """Return the states of the last recurrent layer at each step.

        Parameters
        ----------
        X : samples as in ``fit``
            The samples.

        Returns
        -------
        array of shape (n_samples, n_steps, n_units), or a list of arrays (n_steps, n_units)
            A list if the lengths of the samples differ. The steps are those of `step_names`. The units that read from
            the beginning come first, then those that read from the end. Of several networks, the states are those of
            the first.
        """

        def states(module: Any, batch: GridBatch) -> Tensor | list[Tensor]:
            found: Tensor
            found, lengths = module.body.states(batch)
            if lengths is None:
                return found
            return [one[:length] for one, length in zip(found, lengths.tolist(), strict=True)]

        found: np.ndarray | list[np.ndarray] = self._apply(X, states, chunks=self._map_chunk, in_full=True)
        return found

    def step_names(self, X: Any) -> list[list[str]]:
        """Return the names of the steps of each sample that the recurrent layers read.

        Parameters
        ----------
        X : samples as in ``fit``
            The samples.

        Returns
        -------
        list of lists of str
            The letters of a string, or the numbers of the steps of a series, from 0. Where convolutions pool, the
            letters or the first number of all that became one step.
        """
        check_is_fitted(self)
        width = math.prod(layer.pool_size for layer in self.module_.body.blocks)
        if self.reader_.kind == "sequence":
            letters = self.reader_.letters
            named = ["".join(one) for one in letters.letters_of(letters.read(X))]
            return [[one[place : place + width] for place in range(0, len(one), width)] for one in named]
        lengths = self._read(X).sizes[:, 0].tolist()
        return [list(map(str, range(0, length, width))) for length in lengths]

    def saliency(
        self, X: Any, *, output: int | None = None, method: Literal["gradient", "mutagenesis"] = "gradient"
    ) -> Maps:
        r"""Return how much the prediction depends on each value at each step.

        Parameters
        ----------
        X : samples as in ``fit``
            The samples.
        output : int or None
            Index of the output, such as a class; None for the greatest output of each sample or step.
        method : {"gradient", "mutagenesis"}
            ``"gradient"``: derivative of the output by the input (Simonyan et al. 2014); with ``output="sequence"`` of
            the sum over the steps. ``"mutagenesis"``, for strings only: change of the output if a single letter is
            replaced (Alipanahi et al. 2015).

        Returns
        -------
        array of shape (n_samples, length, n_channels), or a list of arrays (length, n_channels)
            A list if the lengths of the samples differ. The channels of a string are its letters. Where a value is
            missing, the derivative is by the value that it counts as.

        Raises
        ------
        ValueError
            If there is no such output or method, or if the method is for strings only and X are none.
        """
        check_is_fitted(self)
        if method == "mutagenesis" and self._at_steps:
            raise ValueError("method='mutagenesis' is for one output of a sample: this fit had output='sequence'")
        found = super().saliency(X, output=output, method=method)
        if self.reader_.kind == "sequence":
            return found
        scale = self.reader_.scale.astype(self.reader_.numpy_dtype)  # derivatives by values as they are in X

        def by_value(slope: np.ndarray) -> np.ndarray:
            in_units: np.ndarray = slope[..., : len(scale)] / scale
            return in_units

        return [by_value(slope) for slope in found] if isinstance(found, list) else by_value(found)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        tags.input_tags.allow_nan = True
        return tags


class RNNClassifier(RecurrentEstimator, NeuralClassifier):
    r"""Classification of strings and series with a recurrent network.

    A recurrent network reads a sample step by step. The state :math:`h_t` is computed from the input :math:`x_t` and
    the previous state, with the same weights at each step. For ``cell="plain"``

    .. math:: h_t = \tanh(W x_t + U h_{t-1} + b).

    X is one of these:

    - strings in a list, a series, a column of a frame or Biopython's records: a step is a letter;
    - a list of arrays of shape (length, n_channels), of any lengths, or an array of shape (n_samples, length,
      n_channels): series;
    - rows of numbers, or a list of arrays of shape (length,): series of one channel;
    - a frame whose cells are series, one column for each channel.

    Each channel is scaled to mean 0 and standard deviation 1 over all steps in ``fit``. A missing value (NaN) is
    replaced by the last value before it, or by the mean if there is none. For channels with missing values in ``fit``,
    an additional input marks the missing values.

    References
    ----------
    Hochreiter, S. and Schmidhuber, J. (1997). Long short-term memory. Neural Computation, 9(8).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ann import RNNClassifier
    >>> rng = np.random.default_rng(0)
    >>> series = [
    ...     np.cumsum(rng.normal(size=(length, 2)), axis=0)
    ...     for length in rng.integers(5, 30, size=100)
    ... ]
    >>> rises = ["up" if one[-1, 0] > 0 else "down" for one in series]
    >>> model = RNNClassifier(max_epochs=20, random_state=0).fit(series, rises)
    >>> model.predict([[[0.0, 1.0], [1.0, 1.0], [4.0, 0.0]]])
    array(['up'], dtype='<U4')
    """


class RNNRegressor(RecurrentEstimator, NeuralRegressor):
    """Regression on strings and series with a recurrent network, as in `RNNClassifier`.

    Examples
    --------
    A forecast: the target of each step is the next value, which is not known for the last step.

    >>> import numpy as np
    >>> from sklearn_ann import RNNRegressor
    >>> waves = [
    ...     np.sin(np.arange(length) / 3 + phase)
    ...     for length, phase in [(40, 0), (60, 1), (50, 2), (70, 3)]
    ... ]
    >>> model = RNNRegressor(output="sequence", max_epochs=100, random_state=0)
    >>> following = [[*wave[1:], np.nan] for wave in waves]
    >>> model.fit(waves, following).predict([waves[0]])[0][-4:].round(1)
    array([-0.2,  0.1,  0.4,  0.7])
    >>> waves[0][-3:].round(1)
    array([-0.2,  0.1,  0.4])
    """
