"""Embeddings of letters, k-mers and words, learned without a target from the tokens nearby."""

from __future__ import annotations

from numbers import Integral
from typing import Any, Literal, Self

import numpy as np
import torch
from sklearn.preprocessing import normalize
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted
from torch import nn

from sklearn_ann import training
from sklearn_ann._warnings import warn
from sklearn_ann.base import NeuralEstimator, Plan
from sklearn_ann.base.losses import already_an_error
from sklearn_ann.base.parameters import NonNegativeFloat, PositiveFloat, PositiveInt, fitted
from sklearn_ann.base.sources import Source
from sklearn_ann.embedding.letters import letter_embedding
from sklearn_ann.embedding.pooling import Pooling, pool, pool_greatest
from sklearn_ann.embedding.skipgram import SkipGram
from sklearn_ann.reading import Reader, TextReader
from sklearn_ann.reading.alphabets import find_alphabet
from sklearn_ann.reading.texts import count


class SequenceEmbeddingTransformer(NeuralEstimator):
    r"""Embed sequences by pooling the vectors of their tokens, learned by skip-gram with negative sampling.

    The vector ``u`` of a token is trained to predict the tokens nearby, so that tokens with similar neighbours have
    vectors of similar direction [1]_. For each pair of a token ``a`` and a token ``b`` near ``a``, the error is

    .. math:: -\log\sigma(v_b^\top u_a - \log n) - n \, E_{z \sim P} \log\sigma(\log n - v_z^\top u_a)

    with ``n`` noise tokens ``z``, drawn in proportion to their counts to the power of 3/4. A second embedding matrix
    holds the vectors ``v``, which only training uses. This is equation 4 of [1]_ except for ``log n``, which makes
    ``v^T u`` an estimate of the pointwise mutual information of the two tokens [3]_.

    X is a list of strings, such as DNA, RNA or proteins, whose tokens are their overlapping k-mers, or a list of lists
    of tokens. Letters of DNA, RNA and proteins are read as upper-case letters; other strings and tokens in lists keep
    their case. Tokens outside the vocabulary are removed from a sequence before the window is applied.

    Parameters
    ----------
    n_components : int
        Width of the vectors.

    k : int
        Number of letters in a token of a string. A shorter string has no token.

    window : int
        Greatest distance of a pair of tokens. A pair at distance ``o`` has the weight ``(window - o + 1) / window``,
        the probability that a window of random size, 1 to `window`, reaches it.

    n_negatives : int
        Number of noise tokens for each pair.

    subsample : float
        Threshold of the frequency from which training leaves out tokens at random, anew in each epoch. A token of
        frequency ``f`` is kept with probability ``min(1, sqrt(t / f) + t / f)``, where ``t`` is the greater of
        `subsample` and ``1 / n_tokens``. 0 keeps all tokens.

    min_count : int
        Minimum count in ``fit`` of a token of the vocabulary.

    pooling : {"mean", "max", "tfidf"}
        How ``transform`` pools the vectors of a sequence's tokens: their mean, the maximum of each component, or
        their mean weighted by ``1 + log((1 + n) / (1 + d))`` for a token in ``d`` of the ``n`` sequences of ``fit``.

    unknown : {"ignore", "error"}
        Treatment of tokens outside the vocabulary in ``transform``: leave them out, or raise an error.

    Attributes
    ----------
    vocabulary_ : dict of str to int
        The row of each token in `embeddings_`, in alphabetical order.

    embeddings_ : array of shape (n_tokens, n_components)
        Vectors ``u`` of the tokens.

    alphabet_ : str or None
        ``"dna"``, ``"rna"`` or ``"protein"`` for strings that have such letters and are read as capitals; else None.

    n_features_in_ : int
        1, the column of sequences.

    Notes
    -----
    The sequences are concatenated and cut into rows of at most 128 tokens; `batch_size` counts rows. Pairs across a cut
    are lost, about 2 in 100 with a window of 5. The loss of a row in `history_` is the mean over its pairs.

    word2vec draws the size of each window; here each pair has its expected weight. 32 neighbouring tokens share their
    noise tokens [2]_, so that the errors of a batch take a few matrix products.

    Without ``log n``, the best scores ``v^T u`` would all be lower than the mutual information by ``log n`` (equation 7
    of [3]_), and the vectors of a small vocabulary would share a direction that carries no information.

    ``transform`` returns zeros for a sequence without a known token, and warns if no token of X is known.

    ``AttentionClassifier(init_from=FrozenEstimator(fitted))`` and its regressor begin from the vectors, if X are DNA,
    RNA or proteins: `n_components`, `k` and the alphabet are taken over, and the layers above are new. A k-mer is there
    the sum of a vector for each of its letters. These are found by least squares, weighted by the counts of the k-mers,
    and are exact for ``k=1`` alone. See the guide on transfer for what it is worth.

    A batch of 32 rows has 4,096 tokens, so that an epoch over a short text has few steps: use a smaller `batch_size`.
    For a long text, use ``max_epochs=10`` and ``learning_rate_schedule="cosine"``. The time of a step grows with the
    size of the vocabulary. With tens of thousands of tokens, a `batch_size` of 128 is about twice as fast.

    References
    ----------
    .. [1] Mikolov, T. et al. (2013). Distributed representations of words and phrases and their compositionality.
       NeurIPS 26.
    .. [2] Ji, S. et al. (2019). Parallelizing word2vec in shared and distributed memory. IEEE Transactions on Parallel
       and Distributed Systems 30(9), 2090-2100.
    .. [3] Levy, O. and Goldberg, Y. (2014). Neural word embedding as implicit matrix factorization. NeurIPS 27.

    Examples
    --------
    >>> from sklearn_ann import SequenceEmbeddingTransformer
    >>> texts = ["the king rules", "the queen rules", "a dog barks", "a cat barks"] * 50
    >>> words = [text.split() for text in texts]
    >>> model = SequenceEmbeddingTransformer(n_components=4, batch_size=1, random_state=0)
    >>> model = model.fit(words)
    >>> model.most_similar("king", n=1)[0][0]
    'queen'
    >>> model.transform([["the", "dog"], ["a", "queen", "rules"]]).shape
    (2, 4)

    >>> settings = {"max_epochs": 10, "learning_rate_schedule": "cosine", "random_state": 0}
    >>> SequenceEmbeddingTransformer(k=3, **settings).fit_transform(["ACGTACA", "TTGCA"]).shape
    (2, 32)
    """

    n_components: PositiveInt = 32
    k: PositiveInt = 1
    window: PositiveInt = 5
    n_negatives: PositiveInt = 5
    subsample: NonNegativeFloat = 1e-3
    min_count: PositiveInt = 1
    pooling: Pooling = "mean"
    unknown: Literal["ignore", "error"] = "ignore"
    learning_rate: PositiveFloat = 1e-2
    learning_rate_schedule: training.Schedule = "adaptive"
    tol: NonNegativeFloat = 2e-3

    reader_: TextReader = fitted()
    vocabulary_: dict[str, int] = fitted()
    embeddings_: np.ndarray = fitted()
    alphabet_: str | None = fitted()

    def _reader(self, X: Any, **common: Any) -> Reader[Any]:
        return TextReader(k=self.k, min_count=self.min_count, **common)

    def _network(self, plan: Plan) -> nn.Module:
        p = plan.parameters
        return SkipGram(torch.from_numpy(plan.reader.counts), p.n_components, p.window, p.n_negatives, p.subsample)

    def _error(self, plan: Plan) -> training.Error:
        return already_an_error

    def _take(self, plan: Plan, run: training.Training, module: nn.Module) -> dict[str, Any]:
        vectors: Any = module.vectors
        return {"embeddings_": vectors.numpy(force=True).copy()}

    def _source(self) -> Source:
        """Return what networks that read the same letters begin from: the vectors of the letters."""
        reader, p, name = self.reader_, self.resolved_parameters_, type(self).__name__
        if reader.alphabet_name is None:
            raise ValueError(
                f"init_from holds a {name} of tokens such as {next(iter(self.vocabulary_))!r}, which are no letters of "
                "DNA, RNA or proteins: networks begin from one whose alphabet_ is 'dna', 'rna' or 'protein'"
            )
        alphabet = find_alphabet(reader.alphabet_name)
        vectors = letter_embedding(list(self.vocabulary_), self.embeddings_, reader.counts, alphabet, p.k)
        taken = {"n_components": p.n_components, "k": p.k, "alphabet": reader.alphabet_name, "attend": "tokens"}
        return Source(name, "letters", [vectors], None, None, taken, layers=("embedding",))

    # --- Public methods --------------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None, *, X_val: Any = None, groups: Any = None) -> Self:
        """Learn the vocabulary and the vectors of its tokens.

        Parameters
        ----------
        X : list of str, or list of lists of str
            Sequences.
        y : ignored
            Not used; part of scikit-learn's interface.
        X_val : as X, default=None
            Validation data, whose loss early stopping watches.
        groups : array-like of shape (n_samples,), default=None
            Which samples belong together, such as families or donors: early stopping holds out whole groups.

        Returns
        -------
        self

        Raises
        ------
        TypeError
            If a sequence or a token is not a string.
        ValueError
            If a sequence or the vocabulary is empty.
        """
        return self._fit(X, y, X_val=X_val, groups=groups)

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Train for one more epoch on these sequences alone, with the vocabulary of the first call.

        Parameters
        ----------
        X : as in ``fit``
            The samples.
        y : ignored
            Not used; part of scikit-learn's interface.

        Returns
        -------
        self
        """
        return self._fit(X, y, incremental=True)

    def transform(self, X: Any) -> np.ndarray:
        """Pool the vectors of the tokens of each sequence.

        Parameters
        ----------
        X : as in ``fit``
            The samples.

        Returns
        -------
        array of shape (n_samples, n_components)

        Raises
        ------
        TypeError, ValueError
            As in ``fit``, or if a token is not in the vocabulary and ``unknown="error"``.
        """
        check_is_fitted(self)
        p = self.resolved_parameters_
        codes, texts = self.reader_.codes(X)
        if p.unknown == "error" and (codes < 0).any():
            first = int(np.argmax(codes < 0))
            sequence = int(np.searchsorted(texts.starts, first, side="right")) - 1
            raise ValueError(
                f"sequence {sequence} has the token {texts.words[texts.ids[first]]!r}, which is not in the vocabulary; "
                "unknown='ignore' leaves such a token out"
            )
        if len(codes) and (codes < 0).all():
            warn(
                f"no token of X is in the vocabulary of this {type(self).__name__}, so all its vectors are zero: X has "
                f"tokens such as {texts.words[0]!r}, the vocabulary such as {next(iter(self.vocabulary_))!r}"
            )
        counts = count(codes, texts.starts, len(self.vocabulary_))
        if p.pooling == "max":
            return pool_greatest(counts, self.embeddings_)
        return pool(counts, self.embeddings_, self.reader_.idf if p.pooling == "tfidf" else None)

    def most_similar(self, token: Any, n: Any = 10) -> list[tuple[str, float]]:
        """Return the tokens whose vectors have the smallest angle to that of `token`.

        Parameters
        ----------
        token : str
            A token, or fewer than `k` letters. The vector of the latter is the mean over all tokens that contain them.
        n : int, default=10
            Number of tokens to return.

        Returns
        -------
        list of (str, float)
            Other tokens that do not contain `token`, with the cosine of the angle, greatest first.

        Raises
        ------
        TypeError
            If `token` is not a string.
        ValueError
            If neither the vocabulary nor one of its k-mers contains `token`, or if `n` is not an integer from 0 on.
        """
        check_is_fitted(self)
        if not isinstance(token, str):
            raise TypeError(f"token={token!r}: expected a string")
        if not isinstance(n, Integral) or n < 0:
            raise ValueError(f"n={n!r}: expected an integer from 0 on")
        token = token.upper() if self.reader_.alphabet_name else token
        names = np.array(list(self.vocabulary_), dtype=object)
        is_part = 0 < len(token) < self.reader_.k
        own = np.array([token in name if is_part else token == name for name in names])
        if not own.any():
            raise ValueError(f"token={token!r} is not in the vocabulary of {len(names)} tokens")
        units = normalize(self.embeddings_)
        cosines = units[~own] @ normalize(self.embeddings_[own].mean(axis=0, keepdims=True))[0]
        best = np.argsort(-cosines, kind="stable")[:n]
        return list(zip(names[~own][best].tolist(), cosines[best].tolist(), strict=True))

    def score(self, X: Any, y: Any = None) -> float:
        """Return minus the mean loss of the rows, with all tokens kept and evenly spread noise tokens.

        Parameters
        ----------
        X : as in ``fit``
            The samples.
        y : ignored
            Not used; part of scikit-learn's interface.

        Returns
        -------
        float

        Raises
        ------
        ValueError
            If X has no pair of tokens of the vocabulary.
        """
        errors = self._apply(X, lambda module, batch: module(batch))
        if not errors.any():
            raise ValueError("X has no pair of tokens that are in the vocabulary: there is nothing to score")
        return -float(errors.mean())

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.sparse = False
        tags.input_tags.string = True
        return tags
