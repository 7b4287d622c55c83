"""Vectors of letters, k-mers and words, learned without a target from what stands near what."""

from __future__ import annotations

from numbers import Integral
from typing import Any, Literal, Self

import numpy as np
import torch
from sklearn.preprocessing import normalize
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from sklearn_ann import training
from sklearn_ann.base import NeuralTransformer
from sklearn_ann.base.parameters import NonNegativeFloat, PositiveFloat, PositiveInt
from sklearn_ann.embedding import tokens
from sklearn_ann.embedding.skipgram import SkipGram


def _already_an_error(output: Tensor, _batch: Tensor) -> Tensor:
    return output


class SequenceEmbeddingTransformer(NeuralTransformer):
    r"""Vectors of the tokens of sequences, by skip-gram with negative sampling; a sequence is what its tokens pool to.

    Tokens that appear in the same company get vectors ``u`` of the same direction, because these must predict the
    tokens nearby [1]_. For each pair of a token ``a`` and a token ``b`` near it, the error is

    .. math:: -\log\sigma(v_b^\top u_a - \log n) - n \, E_{z \sim P} \log\sigma(\log n - v_z^\top u_a)

    with ``n`` noise tokens ``z``, drawn in proportion to their counts to the power of 3/4; ``v`` is a second table,
    which serves the training alone. It is equation 4 of [1]_ but for ``log n``, which makes ``v^T u`` an estimate of
    the pointwise mutual information of the two tokens [3]_.

    X is a list of strings, such as DNA, RNA or proteins, whose tokens are their overlapping words of `k` letters; or a
    list of lists of strings, the tokens themselves. Small and capital letters are different tokens. Tokens that are
    not in the vocabulary are left out, as if the sequence went on without them.

    Parameters
    ----------
    n_components : int
        Width of the vectors.

    k : int
        Letters of a token, for strings. A string that is shorter has no token.

    window : int
        Tokens to either side that are near. A token at distance ``o`` counts ``(window - o + 1) / window``, as often
        as a window of random size, 1 to `window`, would reach it.

    n_negatives : int
        Noise tokens for each pair.

    subsample : float
        Frequent tokens are left out at random, anew in each epoch, so that the window reaches farther: one of
        frequency ``f`` stays with probability ``min(1, sqrt(t / f) + t / f)``, where ``t`` is `subsample`, but at
        least one in the size of the vocabulary, for which reason letters stay. 0 keeps all.

    min_count : int
        A token with a smaller count in ``fit`` is not in the vocabulary.

    pooling : {"mean", "max", "tfidf"}
        What ``transform`` makes of the vectors of a sequence's tokens: their mean, their greatest value in each
        column, or their mean weighted by ``1 + log((1 + n) / (1 + d))`` for a token that is in ``d`` of the ``n``
        sequences of ``fit``.

    unknown : {"ignore", "error"}
        What a token outside the vocabulary is in ``transform``: nothing, or an error.

    Attributes
    ----------
    vocabulary_ : dict of str to int
        The row in `embeddings_` of each token; in alphabetical order.

    embeddings_ : array of shape (n_tokens, n_components)
        Vectors ``u`` of the tokens.

    n_features_in_ : int
        Number of tokens in the vocabulary.

    Notes
    -----
    The texts, one after the other, are cut into rows of 128 tokens, which are what `batch_size` counts; pairs across a
    cut are not seen, which are 2 in 100 with a window of 5. The losses in `history_` are means over the pairs of a row.

    What word2vec draws, the size of each window, enters here by its expectation. 32 neighbouring tokens share
    their noise [2]_: the pairs of a batch are a few matrix products.

    Without ``log n`` the best scores ``v^T u`` would all lie that much below the mutual information (equation 7 of
    [3]_), and the vectors of a small vocabulary would share a direction that tells nothing of its tokens.

    A sequence without a known token becomes zeros.

    With ``batch_size=32``, 32 rows are 4,096 tokens, and an epoch over a short text is a few steps: a smaller
    `batch_size` serves it better. On a long text, 10 epochs are usual: set `max_epochs`, and
    ``learning_rate_schedule="cosine"``. A step takes time for each token of the vocabulary: with tens of thousands, a
    `batch_size` of 128 is about twice as fast.

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
    >>> model = SequenceEmbeddingTransformer(n_components=4, batch_size=1, random_state=0).fit(words)
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
    pooling: tokens.Pooling = "mean"
    unknown: Literal["ignore", "error"] = "ignore"
    learning_rate: PositiveFloat = 1e-2
    learning_rate_schedule: training.Schedule = "adaptive"
    tol: NonNegativeFloat = 2e-3

    # --- The three questions ---------------------------------------------------------------------------------------

    def _encode(self, X: Any, *, reset: bool) -> training.Rows:
        if reset:
            self._fitted_k = self.k
        texts = tokens.tokenize(X, self._fitted_k)
        if reset:
            self._learn_vocabulary(texts)
        codes = tokens.in_vocabulary(texts, self.vocabulary_)
        return training.Rows(torch.from_numpy(tokens.text_rows(codes, texts.starts)))

    def _learn_vocabulary(self, texts: tokens.Texts) -> None:
        counts = np.bincount(texts.ids, minlength=len(texts.words))
        frequent = sorted(word for word, n in zip(texts.words, counts, strict=True) if n >= self.min_count)
        if not frequent:
            raise ValueError(
                f"X has no token of k={self.k} letters with a count of min_count={self.min_count} or above"
            )
        self.vocabulary_ = {word: code for code, word in enumerate(frequent)}
        self.n_features_in_ = len(frequent)
        codes = tokens.in_vocabulary(texts, self.vocabulary_)
        in_sequences = tokens.count(codes, texts.starts, len(frequent))
        self._counts = np.asarray(in_sequences.sum(axis=0))
        self._idf = tokens.inverse_document_frequency(in_sequences)

    def _build(self, samples: training.Samples) -> nn.Module:
        self._n_features_out = self.n_components
        return SkipGram(
            torch.from_numpy(self._counts), self.n_components, self.window, self.n_negatives, self.subsample
        )

    def _error(self) -> training.Error:
        return _already_an_error

    def _results(self, run: training.Training, module: nn.Module) -> dict[str, Any]:
        table: np.ndarray = module.table.numpy(force=True)  # type: ignore[operator]
        return super()._results(run, module) | {"embeddings_": table.copy()}

    # --- What it is for --------------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None, *, X_val: Any = None) -> Self:
        """Learn the vocabulary and its vectors.

        Parameters
        ----------
        X : list of str, or list of lists of str
            Sequences.
        y : ignored
            Not used; part of scikit-learn's interface.
        X_val : as X, default=None
            Validation data: their loss is watched for early stopping.

        Returns
        -------
        self

        Raises
        ------
        TypeError
            If X has anything but strings.
        ValueError
            If a sequence is empty or the vocabulary would be.
        """
        return self._fit(X, y, X_val=X_val)

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Train for one epoch more, on these sequences alone, with the vocabulary of the first call.

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
        texts = tokens.tokenize(X, self._fitted_k)
        codes = tokens.in_vocabulary(texts, self.vocabulary_)
        if self.unknown == "error" and (codes < 0).any():
            place = int(np.argmax(codes < 0))
            sequence = int(np.searchsorted(texts.starts, place, side="right")) - 1
            raise ValueError(
                f"sequence {sequence} has the token {texts.words[texts.ids[place]]!r}, which is not in the vocabulary; "
                "unknown='ignore' leaves such a token out"
            )
        counts = tokens.count(codes, texts.starts, len(self.vocabulary_))
        if self.pooling == "max":
            return tokens.pool_greatest(counts, self.embeddings_)
        return tokens.pool(counts, self.embeddings_, self._idf if self.pooling == "tfidf" else None)

    def most_similar(self, token: Any, n: Any = 10) -> list[tuple[str, float]]:
        """Return the tokens whose vectors have the smallest angle to that of `token`.

        Parameters
        ----------
        token : str
            A token, or fewer letters than the `k` of a token: their vector is then the mean of those of all tokens
            that contain them.
        n : int, default=10
            How many to return.

        Returns
        -------
        list of (str, float)
            Other tokens, which do not contain `token`, and the cosine of the angle, the greatest first.

        Raises
        ------
        TypeError
            If `token` is not a string.
        ValueError
            If `token` is not in the vocabulary, nor a part of a token of it, or if `n` is no integer from 0.
        """
        check_is_fitted(self)
        if not isinstance(token, str):
            raise TypeError(f"token={token!r}: a string was expected")
        if not isinstance(n, Integral) or n < 0:
            raise ValueError(f"n={n!r}: a number of tokens, of type int, was expected")
        names = np.array(list(self.vocabulary_), dtype=object)
        is_part = 0 < len(token) < self._fitted_k
        own = np.array([token in name if is_part else token == name for name in names])
        if not own.any():
            raise ValueError(f"token={token!r} is not in the vocabulary of {len(names)} tokens")
        units = normalize(self.embeddings_)
        cosines = units[~own] @ normalize(self.embeddings_[own].mean(axis=0, keepdims=True))[0]
        best = np.argsort(-cosines, kind="stable")[:n]
        return list(zip(names[~own][best].tolist(), cosines[best].tolist(), strict=True))

    def score(self, X: Any, y: Any = None) -> float:
        """Return minus the mean error of the pairs, all tokens kept and with noise that is evenly spread.

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
            If no token of the vocabulary stands near another in X.
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
