"""Translation of sequences to sequences."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from sklearn.utils import Tags
from sklearn.utils.validation import check_consistent_length
from torch import Tensor, nn

from sklearn_ann import training
from sklearn_ann._warnings import warn
from sklearn_ann.base import NeuralEstimator, Plan, Targets
from sklearn_ann.base.budget import Budget
from sklearn_ann.base.names import names_of_a_column
from sklearn_ann.base.parameters import DropProbability, Fraction, PositiveFloat, PositiveInt, SmallPower, fitted
from sklearn_ann.base.plan import finite
from sklearn_ann.metrics import token_error_rate
from sklearn_ann.reading import Reader
from sklearn_ann.reading.tokens import TokenSamples, UnknownToken
from sklearn_ann.translation.batches import PaddedSamples, PairedSamples, TeacherForcing
from sklearn_ann.translation.decoding import Hypothesis, search
from sklearn_ann.translation.network import EncoderDecoder
from sklearn_ann.translation.recurrent import RecurrentTranslator
from sklearn_ann.translation.targets import END, SequenceTargets, SourceReader, sequence_error, with_end
from sklearn_ann.translation.transformer import Transformer

_NETWORKS: dict[str, Any] = {"gru": RecurrentTranslator, "transformer": Transformer}
_RATES = {"gru": 3e-3, "transformer": 2e-3}
_MOST_WEIGHTS = 2**22  # of attention, computed at a time


def checked_beams(n_beams: Any, targets: SequenceTargets, name: str = "n_beams") -> int:
    """Return a number of beams, or of outputs; the message calls it `name`.

    Raises
    ------
    ValueError
        If there are more beams than target tokens, as not all of them could begin.
    """
    n_tokens = len(targets.vocabulary)
    if not isinstance(n_beams, int | np.integer) or isinstance(n_beams, bool) or not 1 <= n_beams <= n_tokens:
        raise ValueError(
            f"{name}={n_beams!r}: expected an int from 1 to {n_tokens}, the number of target tokens in fit"
        )
    return int(n_beams)


class SequenceTranslator(NeuralEstimator):
    r"""Translate sequences of tokens into sequences of tokens: words into sounds, DNA into protein.

    The network predicts each token of the target from the source and from the target's tokens before it,

    .. math:: P(Y \mid X) = \prod_t P(y_t \mid y_1, \dots, y_{t-1}, X),

    and the end of the target. An encoder computes a state for each token of the source. For each token of the target,
    attention computes a weighted mean of these states. The loss of a sample is the mean of :math:`-\log P` over the
    tokens of its target and the end.

    X and y are lists of strings or of lists of tokens, of any lengths. The tokens of a string are its letters, unless a
    tokenizer splits the string. Predictions are strings if y are strings, and otherwise lists of tokens.

    Parameters
    ----------
    architecture : {"gru", "transformer"}
        ``"gru"``: gated recurrent units with attention (Bahdanau et al. 2014). ``"transformer"``: attention in encoder
        and decoder too (Vaswani et al. 2017).

    n_components : int
        Width of the states.

    n_layers : int
        Number of layers of the encoder. The decoder of ``"transformer"`` has one layer less, and at least one. The
        decoder of ``"gru"`` has two layers, each with attention.

    n_heads : int
        Number of heads of each attention.

    dropout : float
        Probability of dropping a component of an embedding or of a state in training.

    label_smoothing : float
        Share of the probability of each true token, in [0, 1), that training spreads evenly over all tokens (Szegedy et
        al. 2016). The validation loss is computed without smoothing.

    tokenizer : callable or None
        Function that splits a string of X into a list of tokens, such as ``str.split``. None splits a string into its
        letters. A model with a lambda or a local function cannot be pickled.

    target_tokenizer : callable or None
        Function that splits a string of y into a list of tokens. Predictions then join their tokens by spaces. None
        splits a string into its letters.

    unknown : {"error", "token"}
        How to treat source tokens that were not in ``fit``. ``"error"`` raises an error. ``"token"`` reads all of them
        as one unknown token, whose vector is learned by replacing 2 % of the source tokens in training.

    max_length : "auto" or int
        Maximum number of tokens of an output. ``"auto"`` is ten more than twice the longest target in ``fit`` whose
        source was not longer. For a source that is longer than all in ``fit``, this number grows in proportion to the
        source. A ``UserWarning`` states which outputs were cut.

    n_beams : int
        Number of partial outputs that are continued at each step of a prediction (beam search). One beam takes the most
        probable token at each step. Several beams find more probable outputs, and take longer in proportion.

    length_penalty : float
        Exponent in [0, 4]. Outputs are compared by their log-probability divided by this power of their number of
        tokens. With 0, short outputs are preferred; with 1, means over the tokens are compared.

    learning_rate : "auto" or float
        Step size of the optimiser. ``"auto"`` is 0.003 for ``"gru"`` and 0.002 for ``"transformer"``.

    Attributes
    ----------
    vocabulary_ : dict of str to int
        Code of each token of X, in alphabetical order.

    target_vocabulary_ : dict of str to int
        Code of each token of y, in alphabetical order. The code 0 is the end.

    n_features_in_ : int
        1, the column of sequences.

    Notes
    -----
    If `n_components` is a multiple of four, a prediction is bit-equal alone and in any batch. Otherwise, the last
    digits of its log-probability may differ. Outputs are decoded together, and the keys, values and states of earlier
    tokens are stored. An output that has ended leaves the batch.

    The first call of ``partial_fit`` must contain all tokens of later calls.

    References
    ----------
    Bahdanau, D., Cho, K. and Bengio, Y. (2014). Neural machine translation by jointly learning to align and translate.
    arXiv:1409.0473.

    Vaswani, A. et al. (2017). Attention is all you need. Advances in Neural Information Processing Systems, 30.
    arXiv:1706.03762.

    Wu, Y. et al. (2016). Google's neural machine translation system. arXiv:1609.08144.

    Szegedy, C. et al. (2016). Rethinking the Inception architecture for computer vision. CVPR. arXiv:1512.00567.

    Examples
    --------
    >>> from sklearn_ann import SequenceTranslator
    >>> from sklearn_ann.datasets import make_reversal
    >>> X, y = make_reversal(500, length=(1, 5), letters="abc", random_state=0)
    >>> model = SequenceTranslator(n_components=32, max_epochs=30, random_state=0).fit(X, y)
    >>> model.predict(["abc", "cca"])
    array(['cba', 'acc'], dtype=object)
    >>> model.attention_maps(["abc"])[0].shape  # layer, head, output token, source token
    (2, 4, 3, 3)
    """

    architecture: Literal["gru", "transformer"] = "gru"
    n_components: PositiveInt = 128
    n_layers: PositiveInt = 2
    n_heads: PositiveInt = 4
    dropout: DropProbability = 0.05
    label_smoothing: Fraction = 0.1
    tokenizer: Callable[[str], list[str]] | None = None
    target_tokenizer: Callable[[str], list[str]] | None = None
    unknown: UnknownToken = "error"
    max_length: PositiveInt | Literal["auto"] = "auto"
    n_beams: PositiveInt = 1
    length_penalty: SmallPower = 1.0
    max_epochs: PositiveInt | Literal["auto"] = "auto"
    batch_size: PositiveInt | Literal["auto"] | None = "auto"
    learning_rate: PositiveFloat | Literal["auto"] = "auto"  # type: ignore[assignment]  # by the architecture
    learning_rate_schedule: training.Schedule = "cosine"
    max_grad_norm: PositiveFloat | None = 1.0

    reader_: SourceReader = fitted()
    vocabulary_: dict[str, int] = fitted()
    target_vocabulary_: dict[str, int] = fitted()

    _budget: ClassVar[Budget] = Budget(steps=2000, epochs=16)

    get_feature_names_out = names_of_a_column

    # --- What it answers -------------------------------------------------------------------------------------------

    def _reader(self, X: Any, **common: Any) -> Reader[Any]:
        return SourceReader(tokenizer=self.tokenizer, unknown=self.unknown, max_length=self.max_length, **common)

    def _targets(self, **common: Any) -> Targets:
        return SequenceTargets(tokenizer=self.target_tokenizer, **common)

    def _auto(self, plan: Plan) -> dict[str, Any]:
        return {"learning_rate": _RATES[plan.parameters.architecture]}

    def _network(self, plan: Plan) -> nn.Module:
        p, sources, targets = plan.parameters, plan.reader.vocabulary, plan.targets
        assert isinstance(targets, SequenceTargets)
        checked_beams(p.n_beams, targets)
        module: nn.Module = _NETWORKS[p.architecture](
            len(sources) + (p.unknown == "token"),
            targets.n_outputs,
            p.n_components,
            n_layers=p.n_layers,
            n_heads=p.n_heads,
            dropout=p.dropout,
            unknown=len(sources) if p.unknown == "token" else None,
        )
        return module

    def _error(self, plan: Plan) -> training.Error:
        return partial(sequence_error, plan.parameters.label_smoothing)

    def _step(self, plan: Plan, module: nn.Module, error: training.Error) -> training.Step:
        return TeacherForcing(module, error, plan.settings, plan.parameters.label_smoothing)

    # --- Fitting ---------------------------------------------------------------------------------------------------

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        groups: Any = None,
    ) -> Self:
        """Learn the vocabularies and train the network.

        Parameters
        ----------
        X : list, array, series or column of n_samples strings or lists of tokens
            The sources.
        y : as X
            The targets, one token or more each. For several valid targets of a source, repeat the source.
        sample_weight : array-like of shape (n_samples,), default=None
            A sample of weight 2 counts like two equal samples. A sample of weight 0 is ignored, except that its tokens
            are in the vocabularies.
        X_val, y_val : as X and y, default=None
            Validation data. Their loss is watched, and the weights of the epoch with the smallest loss are kept.
        groups : array-like of shape (n_samples,), default=None
            Group of each sample, such as the forms of one word. Early stopping holds out whole groups.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a source or a target has no token, if `n_beams` is greater than the number of target tokens, or if the
            loss is no longer finite.
        """
        return self._fit(X, y, sample_weight=sample_weight, X_val=X_val, y_val=y_val, groups=groups)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for one more epoch on the given samples.

        Parameters
        ----------
        X, y, sample_weight : as in ``fit``
            The samples, their targets and their weights; the first call learns the vocabularies.

        Returns
        -------
        self
        """
        return self._fit(X, y, sample_weight=sample_weight, incremental=True)

    # --- Predicting ------------------------------------------------------------------------------------------------

    def predict(self, X: Any, *, n_beams: int | None = None) -> np.ndarray:
        """Return the best output for each source.

        Parameters
        ----------
        X : sources as in ``fit``
            The sources.
        n_beams : int, default=None
            Number of beams. None means the `n_beams` of the fit.

        Returns
        -------
        array of objects of shape (n_samples,)
            Strings if y in ``fit`` were strings, otherwise lists of tokens.

        Raises
        ------
        ValueError
            If a source has a token that was not in ``fit``, or if `n_beams` is greater than the number of target
            tokens.

        Warns
        -----
        UserWarning
            If outputs have reached `max_length` without an end.
        """
        best = self._searched(self._read(X), n_beams)
        outputs: np.ndarray = self._coder.predictions([hypotheses[0].codes for hypotheses in best])
        return outputs

    def predict_topk(self, X: Any, k: int = 5) -> tuple[np.ndarray, np.ndarray]:
        """Return the k best outputs for each source, found with k beams or, if that is more, `n_beams` of the fit.

        Parameters
        ----------
        X : sources as in ``fit``
            The sources.
        k : int
            Number of outputs, at most the number of target tokens.

        Returns
        -------
        outputs : array of objects of shape (n_samples, k)
            The outputs, the best first by `length_penalty`. Outputs that were cut come last.
        log_probabilities : array of shape (n_samples, k)
            Natural logarithm of the probability of each output. For an output that was cut, the end is not included.

        Raises
        ------
        ValueError
            If `k` is not an int from 1 to the number of target tokens, and as in `predict`.

        Warns
        -----
        UserWarning
            If the best output of a source has reached `max_length` without an end.
        """
        samples, k = self._read(X), checked_beams(k, self._coder, "k")
        found = self._searched(samples, max(k, self.resolved_parameters_.n_beams))
        flat = [hypothesis for hypotheses in found for hypothesis in hypotheses[:k]]
        outputs = self._coder.predictions([hypothesis.codes for hypothesis in flat]).reshape(len(found), k)
        return outputs, np.array([hypothesis.log_probability for hypothesis in flat]).reshape(len(found), k)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return one minus the token error rate: wrong, missing and superfluous tokens among all true ones.

        Parameters
        ----------
        X : sources as in ``fit``
            The sources.
        y : targets as in ``fit``
            A sample with several valid targets has a set of them, of strings or of tuples of tokens; the nearest
            counts. Tokens may be unknown, and are then never predicted.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        float
            At most 1; `sklearn_ann.metrics` has the rates by themselves.
        """
        samples, tokenizer = self._read(X), self._coder.vocabulary.tokenizer
        truths = self._coder.alternatives(y)
        check_consistent_length(samples, truths)
        found = self._coder.tokens([hypotheses[0].codes for hypotheses in self._searched(samples, None)])
        return 1.0 - token_error_rate(truths, found, sample_weight=sample_weight, tokenizer=tokenizer)

    def transform(self, X: Any) -> np.ndarray:
        """Return the mean of the encoder's states over the tokens of each source.

        Parameters
        ----------
        X : sources as in ``fit``
            The sources.

        Returns
        -------
        array of shape (n_samples, n_components)
        """
        samples = PaddedSamples(self._read(X))
        features: np.ndarray = self._apply_to(samples, EncoderDecoder.features, chunks=samples.chunks(1))
        return features

    def attention_maps(self, X: Any, y: Any = None) -> list[np.ndarray]:
        """Return what each token of an output looked at: the attention weights over the tokens of its source.

        A map shows where a layer looks, not why the network decides as it does (Jain and Wallace 2019).

        Parameters
        ----------
        X : sources as in ``fit``
            The sources.
        y : targets as in ``fit``, default=None
            The outputs to look at; None for the predicted ones.

        Returns
        -------
        list of arrays of shape (n_layers, n_heads, n_output_tokens, n_source_tokens)
            Rows sum to one. `token_names` and `query_names` return the tokens. The layers are those of the decoder.
        """
        samples = self._read(X)
        targets = self._targets_of(samples, y)
        pairs = PairedSamples(samples, targets)

        def maps(module: Any, batch: Any) -> list[Tensor]:
            source, target = batch
            found = module.attention(source, target)
            n_source, n_target = (
                (torch.full((len(found),), part.codes.shape[1]) if part.lengths is None else part.lengths).tolist()
                for part in (source, target)
            )
            return [one[:, :, : t - 1, :s] for one, s, t in zip(found, n_source, n_target, strict=True)]

        size = int(samples.lengths.max()) * int(targets.lengths.max()) * self.resolved_parameters_.n_heads
        order = samples.sorted(torch.arange(len(samples), device=samples.device))
        result: list[np.ndarray] = self._apply_to(
            pairs, maps, chunks=order.split(max(1, _MOST_WEIGHTS // size)), in_full=True
        )
        return result

    def token_names(self, X: Any) -> list[list[str]]:
        """Return the tokens of each source, the keys of `attention_maps`.

        Parameters
        ----------
        X : sources as in ``fit``
            The sources.

        Returns
        -------
        list of lists of str
            ``"?"`` is the unknown token.
        """
        names: list[list[str]] = self.reader_.vocabulary.texts(self._read(X))
        return names

    def query_names(self, X: Any, y: Any = None) -> list[list[str]]:
        """Return the tokens of each output, the queries of `attention_maps`.

        Parameters
        ----------
        X : sources as in ``fit``
            The sources.
        y : targets as in ``fit``, default=None
            The outputs; None for the predicted ones.

        Returns
        -------
        list of lists of str
        """
        return [names[:-1] for names in self._coder.vocabulary.texts(self._targets_of(self._read(X), y))]

    def _targets_of(self, samples: TokenSamples, y: Any) -> TokenSamples:
        """Return encoded targets, by default the predicted ones."""
        if y is not None:
            check_consistent_length(samples, y)
            targets: TokenSamples = self._coder.read(y)
            return targets
        codes = [hypotheses[0].codes for hypotheses in self._searched(samples, None)]
        starts = np.cumsum([0, *map(len, codes)])
        return with_end(np.concatenate(codes), starts)

    def _searched(self, samples: TokenSamples, n_beams: int | None) -> list[list[Hypothesis]]:
        """Return the best hypotheses of each sample; warn of those that do not end."""
        kept, limits_of = self.resolved_parameters_, self.reader_.limits
        beams = checked_beams(kept.n_beams if n_beams is None else n_beams, self._coder)

        def hypotheses(module: Any, batch: Any) -> list[list[Hypothesis]]:
            return search(module, batch, limits_of(batch.lengths), beams, kept.length_penalty, END)

        padded = PaddedSamples(samples)
        found: list[list[Hypothesis]] = self._apply_to(padded, hypotheses, chunks=padded.chunks(beams))
        finite(np.array([best[0].log_probability if best else np.nan for best in found]), None)
        cut = [index for index, best in enumerate(found) if best[0].cut]
        if cut:
            warn(
                f"{len(cut)} of {len(found)} outputs were cut at max_length, such as that of sample {cut[0]}, "
                f"after {len(found[cut[0]][0].codes)} tokens. The network has not learned where these outputs end: "
                "longer training, or more sources like these, may help; max_length changes the bound."
            )
        return found

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.target_tags.required = True
        return tags
