"""Masked-letter training on strings without labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from sklearn_ann import training
from sklearn_ann.attention.estimators import AttentionEstimator
from sklearn_ann.attention.masking import MaskedNetwork, MaskedStep
from sklearn_ann.attention.places import checked_mask, checked_positions
from sklearn_ann.attention.tokens import TokenBody, TokenPooling
from sklearn_ann.attention.windows import (
    Windows,
    examples_of_windows,
    windows_of_letters,
    windows_to_learn,
    windows_to_predict,
)
from sklearn_ann.base import NeuralEstimator, Plan
from sklearn_ann.base.budget import Budget, automatic_batch_size
from sklearn_ann.base.losses import already_an_error
from sklearn_ann.base.parameters import DropProbability, Fraction, OpenFraction, PositiveFloat, PositiveInt, fitted
from sklearn_ann.base.plan import checked_weights
from sklearn_ann.base.sources import Source
from sklearn_ann.layers import Position
from sklearn_ann.reading import LetterReader, LetterSamples, Reader
from sklearn_ann.reading.alphabets import Unknown
from sklearn_ann.reading.kinds import as_strings

_LETTERS_AT_ONCE = 2**16  # that a prediction reads, with the padding


class MaskedSequenceModel(NeuralEstimator):
    r"""Encoder of strings that is trained without labels, by the prediction of masked letters.

    Training masks a share of the letters of each string, and an encoder of attention layers predicts the masked
    letters. The error is the mean over the masked positions :math:`i` of

    .. math:: -\log p(x_i \mid x_{\setminus M}), \qquad
        p(\cdot \mid x_{\setminus M}) = \operatorname{softmax}(W h_i + b)

    where :math:`h_i` is the state of the encoder at :math:`i`, and :math:`x_{\setminus M}` is the string without the
    chosen letters :math:`M`. Of the chosen letters, 80 % are replaced by a learned vector (masked), 10 % by random
    letters, and 10 % are not changed, so that the states of unmasked letters are useful as well [1]_. The letters are
    chosen anew in each epoch. A model of proteins learns which amino acids can replace each other [2]_.

    ``transform`` returns the mean state of each string. ``score_samples`` returns the pseudo-log-likelihood, for which
    each letter is masked in turn [3]_:

    .. math:: \sum_i \log p(x_i \mid x_{\setminus i}).

    Parameters
    ----------
    n_components : int
        Width of the vector of a letter, and number of features that ``transform`` returns.

    n_layers : int
        Number of blocks, each of attention and a dense layer.

    n_heads : int
        Number of attention heads in a block.

    dropout : float
        Probability, in [0, 1), to drop a hidden unit in training, an attention weight or a value that a block adds.

    alphabet : {"auto", "dna", "rna", "protein"} or str
        Name of the alphabet, or its letters. ``"auto"`` decides by the letters in ``fit``, as in
        `AttentionClassifier`. Lower-case letters are read as upper-case letters.

    unknown : {"error", "ambiguous"}
        Treatment of letters outside the alphabet: an error, or a letter that may be any.

    k : int
        Number of letters in a token. A token consists of a letter and its ``k - 1`` neighbours. A masked letter is
        masked in all tokens that contain it.

    position : {"sinusoidal", "learned", "rotary", "none"}
        Positional encoding, as in `AttentionClassifier`. With ``"learned"`` no string may be longer than those in
        ``fit``.

    pooling : {"mean", "cls"}
        Features of a string: the mean over its letters, or the output of an additional token. This training does not
        use the output of the token: choose ``"cls"`` only for classifiers that begin from the model.

    mask_fraction : float
        Share of the letters of a string, in (0, 1), that training chooses; at least one letter.

    mask_token : str
        Letter that marks a masked position in ``predict_masked`` and ``predict_proba``. The alphabet must not contain
        this letter.

    max_length : int
        Greatest number of letters that the network reads at once. Longer strings are read in windows; see Notes.

    learning_rate_warmup : float
        Share of `max_epochs`, in [0, 1), over which the learning rate rises linearly to `learning_rate`.

    Attributes
    ----------
    alphabet_ : str
        ``"dna"``, ``"rna"``, ``"protein"`` or the letters given.

    letters_ : str
        The unambiguous letters of the alphabet, in the order of the columns of ``predict_proba``.

    Notes
    -----
    ``history_`` contains the share of the chosen letters that were predicted correctly, as ``"accuracy"``. The weight
    of a string in the loss is its sample weight times its number of unambiguous letters. On validation data all chosen
    letters are masked, and the same letters are chosen in each epoch, so that the losses of epochs can be compared.

    Ambiguous letters, such as N or X, are read but never chosen. In ``score_samples`` their probability is the sum over
    the letters that they stand for, which is 1 for a letter that may be any.

    Training cuts a string longer than `max_length` into overlapping stretches. Each epoch reads one random window of
    each stretch, so that each letter is read about once. Prediction reads windows that begin at every
    ``max_length // 2``-th letter and takes each letter from the window with the nearest centre.

    The pseudo-log-likelihood needs one pass for each letter of a string. Use it to rank variants of one string. For
    strings of different lengths compare the mean per letter.

    References
    ----------
    .. [1] Devlin, J. et al. (2019). BERT: pre-training of deep bidirectional transformers for language understanding.
       NAACL-HLT, 4171-4186. arXiv:1810.04805, section 3.1.
    .. [2] Rives, A. et al. (2021). Biological structure and function emerge from scaling unsupervised learning to 250
       million protein sequences. PNAS 118(15), e2016239118.
    .. [3] Salazar, J. et al. (2020). Masked language model scoring. ACL, 2699-2712. arXiv:1910.14659.
    .. [4] Meier, J. et al. (2021). Language models enable zero-shot prediction of the effects of mutations on protein
       function. NeurIPS 34.

    Examples
    --------
    >>> from sklearn_ann import MaskedSequenceModel
    >>> strings = ["ACGT" * n for n in range(3, 9)] * 20
    >>> model = MaskedSequenceModel(alphabet="dna", n_layers=1, max_epochs=10, random_state=0)
    >>> model = model.fit(strings)
    >>> model.predict_masked(["ACGTACGTAC_TACGT", "_CGTACGTACGT"])
    array(['ACGTACGTACGTACGT', 'ACGTACGTACGT'], dtype=object)
    >>> model.transform(strings[:2]).shape
    (2, 64)
    >>> [f"{score:.0f}" for score in model.score_samples(["ACGTACGTACGT", "ACGTACCTACGT"])]
    ['-0', '-...']
    """

    n_components: PositiveInt = 64
    n_layers: PositiveInt = 2
    n_heads: PositiveInt = 8
    dropout: DropProbability = 0.0
    alphabet: str = "auto"
    unknown: Unknown = "error"
    k: PositiveInt = 3
    position: Position = "rotary"
    pooling: TokenPooling = "mean"
    mask_fraction: OpenFraction = 0.15
    mask_token: str = "_"
    max_length: PositiveInt = 256
    learning_rate_warmup: Fraction = 0.05
    max_epochs: PositiveInt | Literal["auto"] = "auto"
    batch_size: PositiveInt | Literal["auto"] | None = "auto"
    learning_rate: PositiveFloat = 3e-3
    learning_rate_schedule: training.Schedule = "cosine"
    max_grad_norm: PositiveFloat | None = 1.0

    module_: MaskedNetwork = fitted()
    reader_: LetterReader = fitted()
    alphabet_: str = fitted()
    letters_: str = fitted()

    _budget: ClassVar[Budget] = Budget(steps=1500, epochs=20)

    def _reader(self, X: Any, **common: Any) -> Reader[Any]:
        longest = self.position == "learned"
        return LetterReader(alphabet=self.alphabet, unknown=self.unknown, longest=longest, **common)

    def _auto(self, plan: Plan) -> dict[str, Any]:
        p = plan.parameters
        checked_mask(p.mask_token, plan.reader.alphabet)
        n_windows = len(windows_to_learn(plan.examples.samples, p.max_length)[1])  # what an epoch runs over
        batch_size = automatic_batch_size(n_windows) if p.batch_size == "auto" else p.batch_size
        return {"batch_size": batch_size, "max_epochs": self._budget.max_epochs(n_windows, batch_size)}

    def _prepare(self, X: Any, y: Any = None, **options: Any) -> Plan:
        plan = super()._prepare(X, y, **options)
        how = (plan.parameters.max_length, plan.reader.dtype, len(plan.reader.alphabet))
        # Whole strings were held out: stretches of one string overlap.
        plan.examples = examples_of_windows(plan.examples, *how)
        if plan.validation is not None:
            watched = "the part of X that is held out" if options.get("X_val") is None else "X_val"
            plan.validation = examples_of_windows(plan.validation, *how, watched)
        return plan

    def _network(self, plan: Plan) -> nn.Module:
        p = plan.parameters
        return MaskedNetwork(TokenBody.build(plan), p.max_length, p.mask_fraction)

    def _error(self, plan: Plan) -> training.Error:
        return already_an_error

    def _step(self, plan: Plan, module: nn.Module, error: training.Error) -> training.Step:
        return MaskedStep(module, error, plan.settings)

    def _source(self) -> Source:
        """Return what AttentionClassifier and AttentionRegressor begin from: the encoder, and the alphabet."""
        p = self.resolved_parameters_
        shared = ("n_components", "n_layers", "n_heads", "dropout", "alphabet", "unknown", "k", "position", "pooling")
        parameters = {"attend": "tokens", "mutation": 0.0, **{name: p[name] for name in shared}}
        kind = AttentionEstimator._body
        return Source(type(self).__name__, kind, [self.module_.body], p.n_components, self.reader_, parameters)

    # --- Public methods --------------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, *, X_val: Any = None, groups: Any = None) -> Self:
        """Learn the alphabet, and to name the letters that are masked.

        Parameters
        ----------
        X : list, array, series or frame of one column, of str
            Strings without labels.
        y : ignored
            Not used; part of scikit-learn's interface.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the strings, times their numbers of letters that are not ambiguous; a string of weight 0 is as if
            it were not there.
        X_val : as X, default=None
            Validation data; early stopping watches their loss.
        groups : array-like of shape (n_samples,), default=None
            Which samples belong together, such as families or donors: early stopping holds out whole groups.

        Returns
        -------
        self

        Raises
        ------
        TypeError
            If a sequence is not a string.
        ValueError
            If a string is empty or has letters outside the alphabet, if no letter of X or of X_val says which one it
            is, or if `mask_token` is in the alphabet.
        """
        return self._fit(X, y, sample_weight=sample_weight, X_val=X_val, groups=groups)

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Train for one more epoch, on these strings only.

        Parameters
        ----------
        X, y, sample_weight : as in ``fit``
            Strings, an ignored y, and sample weights.

        Returns
        -------
        self
        """
        return self._fit(X, y, sample_weight=sample_weight, incremental=True)

    def transform(self, X: Any) -> np.ndarray:
        """Return the pooled states of each string, in which nothing is masked.

        Parameters
        ----------
        X : as in ``fit``
            The samples.

        Returns
        -------
        array of shape (n_samples, n_components)
            Of a string in several windows, the mean over them, weighted by the letters that each is asked for.
        """
        windows, owner = self._windows(self._read(X))
        features: np.ndarray = self._ask(windows, MaskedNetwork.features)
        begins = np.flatnonzero(np.diff(owner, prepend=-1))
        if len(begins) == len(owner):
            return features
        asked = (windows.last - windows.first).numpy(force=True).astype(features.dtype)
        totals: np.ndarray = np.add.reduceat(features * asked[:, None], begins)
        return totals / np.add.reduceat(asked, begins)[:, None]

    def token_states(self, X: Any) -> list[np.ndarray]:
        """Return the state of each letter, in which nothing is masked.

        Parameters
        ----------
        X : as in ``fit``
            The samples.

        Returns
        -------
        list of arrays of shape (length, n_components)
        """
        samples = self._read(X)
        return _split(self._of_letters(samples, MaskedNetwork.states_asked), samples)

    def predict_masked(self, X: Any) -> np.ndarray:
        """Put the most probable letter in the place of each masked one, independently of each other.

        Parameters
        ----------
        X : as in ``fit``
            Strings with `mask_token` in the place of letters that are not known.

        Returns
        -------
        object array of shape (n_samples,)
            The strings; all other letters stay as they are.
        """
        samples = self._read_masked(X)
        letters = np.array(list(self.letters_))
        found = iter(letters[self._of_letters(samples, MaskedNetwork.letters_asked).argmax(axis=1)].tolist())
        mask = self.resolved_parameters_.mask_token
        filled = [
            "".join([guess if own == mask else own for own, guess in zip(s, found, strict=False)])
            for s in as_strings(X)
        ]
        return np.array(filled, dtype=object)

    def predict_proba(self, X: Any, positions: Any = None) -> Any:
        """Return the probabilities of the letters in masked places.

        Parameters
        ----------
        X : as in ``fit``
            Strings, which may have `mask_token` in the place of letters that are not known.
        positions : array-like of int, or list of lists of int, default=None
            Positions, from 0 on, of the letters to mask in each string, one or several together. None: the places of
            `mask_token`.

        Returns
        -------
        list of arrays of shape (n_positions, n_letters), or array of shape (n_samples, n_letters)
            An array for each string; a single one if `positions` has one number for each string. The columns are those
            of `letters_`, rows sum to one.

        Raises
        ------
        TypeError, ValueError
            If `positions` do not fit to the strings.
        """
        samples, single = self._read_masked(X), False
        asked = (samples.codes == self._mask_code).numpy(force=True)
        order = np.flatnonzero(asked)
        counts = np.add.reduceat(asked, samples.starts[:-1].numpy(force=True), dtype=np.int64)
        if positions is not None:
            places, single = checked_positions(positions, samples.lengths.numpy(force=True))
            counts = np.array([len(place) for place in places])
            starts = samples.starts[:-1].tolist()
            order = np.concatenate([start + place for start, place in zip(starts, places, strict=True)])
            masked = samples.codes.index_fill(0, torch.from_numpy(order), self._mask_code)
            samples = LetterSamples(masked, samples.starts)
        found = np.exp(self._of_letters(samples, MaskedNetwork.letters_asked)[order])
        return found if single else np.split(found, counts.cumsum()[:-1])

    def score_samples(self, X: Any) -> np.ndarray:
        """Return the pseudo-log-likelihood of each string: each letter is masked in turn.

        Parameters
        ----------
        X : as in ``fit``
            The samples.

        Returns
        -------
        float64 array of shape (n_samples,)
            Sums over the letters, natural logarithms; ambiguous letters as in the Notes of the class.
        """
        return self._sums(self._read(X))

    def variant_effects(self, X: Any) -> list[np.ndarray]:
        """Return the log-odds of each letter against the one that is there, at each masked position.

        The effect of replacing several letters is the sum of theirs (Meier et al. 2021, equation 1). For insertions and
        deletions, compare ``score_samples`` of the variants.

        Parameters
        ----------
        X : as in ``fit``
            Strings without changes ("wild types").

        Returns
        -------
        list of arrays of shape (length, n_letters)
            ``log p(letter) - log p(letter in X)``, greater for better variants, 0 for the letters of X. The columns are
            those of `letters_`.
        """
        samples = self._read(X)
        letters, own = self._in_turn(samples)
        return _split(letters - own[:, None], samples)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the mean pseudo-log-likelihood of a letter; letters that may be any are left out.

        Parameters
        ----------
        X : as in ``fit``
            The samples.
        y : ignored
            Not used; part of scikit-learn's interface.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the strings, times their numbers of letters.

        Returns
        -------
        float

        Raises
        ------
        ValueError
            If all letters of X stand for any letter, such as N of DNA.
        """
        samples = self._read(X)
        weight = checked_weights(sample_weight, len(samples))
        known = (samples.codes != self.reader_.alphabet.any_letter).numpy(force=True)
        counts = np.add.reduceat(known, samples.starts[:-1].numpy(force=True), dtype=np.int64)
        weight = np.ones(len(samples)) if weight is None else weight
        if not (counts * weight).any():
            raise ValueError(
                "X has no letter to score: expected known letters, not such as N that stand for any, in samples "
                "of positive weight"
            )
        return float((self._sums(samples) * weight).sum() / (counts * weight).sum())

    def perplexity(self, X: Any) -> float:
        """Return ``exp(-score(X))``: among how many equally probable letters the model hesitates, on average.

        Parameters
        ----------
        X : as in ``fit``
            The samples.

        Returns
        -------
        float
            1 for a model that is certain and right, the size of the alphabet for one that knows nothing.
        """
        return float(np.exp(-self.score(X)))

    # --- What they share -------------------------------------------------------------------------------------------

    @property
    def _mask_code(self) -> int:
        return len(self.reader_.alphabet.symbols)

    def _read_masked(self, X: Any) -> LetterSamples:
        check_is_fitted(self)
        with training.isolated():
            samples: LetterSamples = self.reader_.read_masked(X, self.resolved_parameters_.mask_token)
        return samples

    def _windows(self, samples: LetterSamples) -> tuple[Windows, np.ndarray]:
        with training.isolated():
            windows, owner = windows_to_predict(samples, self.resolved_parameters_.max_length)
        return windows, owner.numpy(force=True)

    def _ask(self, windows: Windows, function: Callable[[Any, Any], Any]) -> Any:
        with training.isolated():
            chunks = windows.pieces(_LETTERS_AT_ONCE)
        return self._apply_to(windows, function, chunks=chunks)

    def _of_letters(self, samples: LetterSamples, function: Callable[[Any, Any], list[Tensor]]) -> np.ndarray:
        """Return what `function` finds for each letter, of all sequences one after the other."""
        return np.concatenate(self._ask(self._windows(samples)[0], function))

    def _in_turn(self, samples: LetterSamples) -> tuple[np.ndarray, np.ndarray]:
        """Return logarithms of probabilities at each position, masked alone: of all letters, and of the own one."""
        with training.isolated():
            windows = windows_of_letters(samples, self.resolved_parameters_.max_length)
        letters, own = self._ask(windows, MaskedNetwork.masked_in_turn)
        return letters, own

    def _sums(self, samples: LetterSamples) -> np.ndarray:
        own = self._in_turn(samples)[1].astype(np.float64)
        sums: np.ndarray = np.add.reduceat(own, samples.starts[:-1].numpy(force=True))
        return sums

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.sparse = False
        tags.input_tags.string = True
        return tags


def _split(values: np.ndarray, samples: LetterSamples) -> list[np.ndarray]:
    return np.split(values, samples.starts[1:-1].numpy(force=True))
