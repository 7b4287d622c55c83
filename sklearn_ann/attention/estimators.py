"""Classifier and regressor whose networks attend to tokens, to columns or to rows."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch
from sklearn.utils import Tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor, nn

from sklearn_ann import training
from sklearn_ann.attention.columns import Columns
from sklearn_ann.attention.mind import Mind
from sklearn_ann.attention.rows import Similarity, TrainingRows
from sklearn_ann.attention.tables import Numeric, Scaling
from sklearn_ann.attention.tokens import TokenPooling, Tokens
from sklearn_ann.base import NeuralClassifier, NeuralRegressor
from sklearn_ann.base.estimator import NeuralEstimator
from sklearn_ann.base.parameters import ClosedFraction, DropProbability, Fraction, PositiveFloat, PositiveInt
from sklearn_ann.base.supervised import WithHead
from sklearn_ann.layers import Position
from sklearn_ann.preprocessing.alphabets import Unknown
from sklearn_ann.preprocessing.columns import as_table

Attend = Literal["auto", "tokens", "columns", "rows"]
# A body that attends to rows also has ``neighbors(batch) -> (indices, weights)``, each (batch, n_neighbors), sorted.
_MINDS: dict[str, type[Mind]] = {"tokens": Tokens, "columns": Columns, "rows": TrainingRows}
_MOST_WEIGHTS = 2**22  # of a layer, in the maps that are made at a time


def what_to_attend(X: Any) -> Literal["tokens", "columns"]:
    """Strings have tokens; all else is a table."""
    if isinstance(X, str | bytes):
        return "tokens"  # where it is refused
    flat = X if isinstance(X, list | tuple) else np.asarray(X) if getattr(X, "ndim", 0) == 1 else []
    return "tokens" if any(isinstance(sample, str | bytes) for sample in flat) else "columns"


def rollout(maps: Tensor) -> Tensor:
    """Follow the attention through all layers (Abnar and Zuidema 2020, section 3).

    Half of what a token is after a layer comes from itself, half from those that it attends to, as the mean of the
    heads has it.

    Parameters
    ----------
    maps : Tensor of shape (batch, layer, head, token, token)

    Returns
    -------
    Tensor of shape (batch, token, token)
        Of what was a token at first, how much is in each in the end; rows sum to one.
    """
    mixed = (
        maps.mean(dim=2) + torch.eye(maps.shape[-1], dtype=maps.dtype, device=maps.device)
    ) / 2  # (batch, layer, token, token)
    result = mixed[:, 0]
    for layer in mixed.unbind(dim=1)[1:]:
        result = layer @ result
    return result


class AttentionEstimator(NeuralEstimator):
    """What attention estimators share.

    Parameters
    ----------
    attend : {"auto", "tokens", "columns", "rows"}
        What attends to what: the tokens of a string to each other, the columns of a row of a table to each other, or
        a row to the rows of the training set. ``"auto"``: tokens of strings, columns of tables.

    n_components : int
        Width of a token, a column or a row inside of the network, and number of features that ``transform`` returns.

    n_layers : "auto" or int
        Blocks of attention and a dense layer, one after the other. ``"auto"``: one for tokens, three for
        columns; rows have none.

    n_heads : int
        Attentions side by side in a block.

    dropout : "auto" or float
        Probability, in [0, 1), to drop an attention weight, a hidden unit and what a block adds, while training.
        ``"auto"``: 0.3 for tokens, 0.1 for columns, 0.2 for rows.

    alphabet : {"auto", "dna", "rna", "protein"} or str
        Tokens: that of strings, or the letters themselves; ``"auto"`` is the first of the three that has all letters
        seen in ``fit``, of the ambiguous ones N alone.

    unknown : {"error", "ambiguous"}
        Tokens: what a letter outside the alphabet is: an error, or a letter that may be any.

    k : int
        Tokens: letters in a token. Each letter is a token together with its neighbours, ``k - 1`` in all: its vector is
        the sum of one for each letter at its place among them.

    position : {"sinusoidal", "learned", "rotary", "none"}
        Tokens: how the network knows where a token stands: by waves of many lengths that are added to it; by a vector
        of each place, which must have been in ``fit``; by the distance of two tokens; or not at all, so that strings
        of the same tokens in another order are the same.

    pooling : {"cls", "mean"}
        Tokens: what is read out: a token of its own that attends to all others, or the mean of all.

    mutation : float
        Tokens: share of the letters that are replaced by others of the same string, anew whenever it is trained on.

    categorical_features : "auto", or list of int, str or bool
        Columns and rows: the categorical columns, by position, by name in a frame, or by a bool for each column;
        ``"auto"`` goes by the type. Categories that were not in ``fit``, and missing ones, are categories of their own.

    scaling : {"quantile", "standard"}
        Columns and rows: numbers as quantiles of the normal distribution, or with mean 0 and standard deviation 1.
        Missing numbers, NaN, have a learned vector.

    numeric : {"periodic", "linear"}
        Columns and rows: a number becomes a vector by waves of learned frequencies, or by a product.

    n_neighbors : int
        Rows: how many training rows a row attends to.

    similarity : {"l2", "dot"}
        Rows: of a row and a training row: minus the squared distance of their keys, or the keys' product.

    learning_rate_warmup : float
        Share of `max_epochs` over which the learning rate rises to what it is.

    max_epochs : "auto" or int
        Most passes over the training data. ``"auto"``: 40 for tokens, 20 for columns and rows.

    batch_size : "auto", int or None
        Samples per step of the optimiser; None is all of them. ``"auto"``: 32 for tokens; for columns and rows a
        fiftieth of the samples, but 32 at least and 256 at most.
    """

    attend: Attend = "auto"
    n_components: PositiveInt = 64
    n_layers: PositiveInt | Literal["auto"] = "auto"
    n_heads: PositiveInt = 8
    dropout: DropProbability | Literal["auto"] = "auto"
    alphabet: str = "auto"
    unknown: Unknown = "error"
    k: PositiveInt = 3
    position: Position = "rotary"
    pooling: TokenPooling = "cls"
    mutation: ClosedFraction = 0.05
    categorical_features: Any = "auto"
    scaling: Scaling = "quantile"
    numeric: Numeric = "periodic"
    n_neighbors: PositiveInt = 32
    similarity: Similarity = "l2"
    learning_rate_warmup: Fraction = 0.05
    max_epochs: PositiveInt | Literal["auto"] = "auto"  # type: ignore[assignment]
    batch_size: PositiveInt | Literal["auto"] | None = "auto"  # type: ignore[assignment]
    learning_rate: PositiveFloat = 3e-3
    learning_rate_schedule: training.Schedule = "cosine"
    max_grad_norm: PositiveFloat | None = 1.0

    _mind: Mind

    def _encode(self, X: Any, *, reset: bool) -> training.Samples:
        if reset:
            kind = _MINDS[what_to_attend(X) if self.attend == "auto" else self.attend]
            parameters = inspect.signature(kind).parameters
            self._mind = kind(**{name: getattr(self, name) for name in parameters})
        names = None
        if self._mind.reads_tables:
            X = as_table(X)
            validate_data(self, X, reset=reset, skip_check_array=True)
            names = list(getattr(self, "feature_names_in_", [])) or None
        samples = self._mind.read(X, reset=reset, names=names, dtype=self._dtype)
        if reset and not self._mind.reads_tables:
            self.n_features_in_ = 1
            self.__dict__.pop("feature_names_in_", None)
        return samples

    def _examples(
        self, X: Any, y: Any, sample_weight: Any, *, reset: bool, **target_options: Any
    ) -> tuple[training.Examples, Tensor | None]:
        examples, target = super()._examples(X, y, sample_weight, reset=reset, **target_options)
        return self._mind.learn(examples) if reset else examples, target

    def _build_on(self, examples: training.Examples) -> nn.Module:
        body, n_features = self._mind.build(examples, **self._named_in(self._mind.build))
        self._n_features_out = n_features
        return WithHead(body, n_features, self.n_outputs_)

    def _named_in(self, function: Callable[..., Any]) -> dict[str, Any]:
        """Those hyper-parameters that `function` has as arguments."""
        names = inspect.signature(function).parameters
        return {name: self._value(name) for name in self.get_params(deep=False) if name in names}

    def _value(self, name: str) -> Any:
        value = super()._value(name)
        # In `alphabet` and `categorical_features` the mind itself finds out what it stands for.
        return self._mind.auto.get(name, value) if isinstance(value, str) and value == "auto" else value

    def attention_maps(self, X: Any, *, kind: Literal["raw", "rollout"] = "raw") -> np.ndarray | list[np.ndarray]:
        """Return who attends to whom.

        A map says where a layer looks, not why the network decides as it does (Jain and Wallace 2019): heads and
        layers are not averaged.

        Parameters
        ----------
        X : samples as in ``fit``
            The samples.
        kind : {"raw", "rollout"}
            The weights of each layer and head as they are, or followed through all layers (Abnar and Zuidema 2020).

        Returns
        -------
        array of shape (n_samples, n_layers, n_heads, n_queries, n_keys), or a list of arrays without the first axis
            A list where samples have different numbers of tokens; `token_names` says what queries and keys are. Each
            row sums to one. With ``kind="rollout"`` without the axes of layers and heads.

        Raises
        ------
        ValueError
            If ``kind="rollout"`` is asked of maps whose queries are not their keys.
        """
        check_is_fitted(self)
        if kind not in ("raw", "rollout"):
            raise ValueError(f"kind={kind!r}: expected 'raw' or 'rollout'")
        samples = self._encode(X, reset=False)

        def maps(body: Any, batch: Any) -> tuple[Tensor]:
            found = torch.stack(body.attention(batch), dim=1).float()  # (batch, layer, head, query, key)
            if kind == "raw":
                return (found,)
            if found.shape[-1] != found.shape[-2]:
                raise ValueError("kind='rollout' is of maps in which all attend to all, which attend='rows' has not")
            return (rollout(found),)

        # Samples of as many tokens at a time: there is nothing to fill up, and it is known how many weights there are.
        n_tokens = np.array([len(names) for names in self._mind.token_names(samples)])
        groups = [np.flatnonzero(n_tokens == number) for number in np.unique(n_tokens)]
        parts: list[np.ndarray] = []
        for group in groups:
            weights = self.n_heads * int(n_tokens[group[0]]) ** 2
            parts += self._applied(samples, group, max(1, _MOST_WEIGHTS // weights), maps)
        if len(parts) == 1:
            return parts[0]
        found: list[np.ndarray] = [np.empty(0)] * len(samples)
        for group, part in zip(groups, parts, strict=True):
            for i, of_sample in zip(group, part, strict=True):
                found[i] = of_sample
        return found

    def _applied(
        self,
        samples: training.Samples,
        which: np.ndarray,
        chunk: int,
        function: Callable[[Any, Any], tuple[Tensor, ...]],
    ) -> list[np.ndarray]:
        """What ``function(body, batch)`` returns, of the samples in `which`, `chunk` of them at a time."""
        device = self._ready()
        self.module_.eval()
        results: list[np.ndarray] = []
        with torch.inference_mode(), training.limited_threads():
            for begin in range(0, len(which), chunk):
                batch = samples[torch.from_numpy(which[begin : begin + chunk])]
                found = function(self.module_.body, training.on_device(batch, device))
                parts = [part.numpy(force=True) for part in found]
                if not results:
                    results = [np.empty((len(which), *part.shape[1:]), dtype=part.dtype) for part in parts]
                for result, part in zip(results, parts, strict=True):
                    result[begin : begin + chunk] = part
        return results

    @available_if(lambda self: self.attend == "rows")
    def neighbors(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows of the training set that each row attends to, the most first.

        Parameters
        ----------
        X : samples as in ``fit``
            The samples.

        Returns
        -------
        indices : int array of shape (n_samples, n_neighbors)
            Their places in X of the last ``fit``.
        weights : array of shape (n_samples, n_neighbors)
            What each counts; rows sum to one.
        """
        check_is_fitted(self)
        samples = self._encode(X, reset=False)
        chunk = self._value("batch_size") or len(samples)
        indices, weights = self._applied(
            samples, np.arange(len(samples)), chunk, lambda body, batch: body.neighbors(batch)
        )
        return indices, weights

    def token_names(self, X: Any) -> list[list[str]]:
        """Say what the queries and keys of `attention_maps` are.

        Parameters
        ----------
        X : samples as in ``fit``
            The samples.

        Returns
        -------
        list of lists of str
        """
        check_is_fitted(self)
        return self._mind.token_names(self._encode(X, reset=False))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        tags.input_tags.string = tags.input_tags.categorical = tags.input_tags.allow_nan = True
        return tags


class AttentionClassifier(AttentionEstimator, NeuralClassifier):
    """Classification of strings and of tables with attention.

    In a layer of attention every token asks all tokens, each answers the more the better its key fits the question,
    and the asking one adds the answers to what it is: ``softmax(Q Kᵀ / sqrt(width)) V``, where queries, keys and
    values are linear maps of the tokens, several times side by side. A dense layer for each token follows. One token,
    or the mean of all, is what is classified. Normalisation comes before each step (Xiong et al. 2020).

    X is a list of strings, whose letters are the tokens, or a table: an array or a frame. What a parameter is for is
    said first where it is not for all.

    References
    ----------
    Vaswani, A. et al. (2017). Attention is all you need. Advances in Neural Information Processing Systems, 30.
    arXiv:1706.03762.

    Xiong, R. et al. (2020). On layer normalization in the transformer architecture. arXiv:2002.04745.

    Su, J. et al. (2021). RoFormer: enhanced transformer with rotary position embedding. arXiv:2104.09864.

    Abnar, S. and Zuidema, W. (2020). Quantifying attention flow in transformers. arXiv:2005.00928.

    Examples
    --------
    >>> from sklearn_ann import AttentionClassifier
    >>> strings = ["ACGTACGTAA", "TTTTCCCCAA", "ACGAACGTTA", "TTCTCTCCAT"] * 10
    >>> model = AttentionClassifier(max_epochs=20, random_state=0)
    >>> model.fit(strings, ["mixed", "pyrimidines"] * 20).predict(["CTTTCCTCAA"])
    array(['pyrimidines'], dtype='<U11')
    >>> model.attention_maps(["CTTTCCTCAA"]).shape
    (1, 1, 8, 11, 11)
    """


class AttentionRegressor(AttentionEstimator, NeuralRegressor):
    """Regression on strings and on tables with attention; `AttentionClassifier` says how.

    Examples
    --------
    >>> from sklearn_ann import AttentionRegressor
    >>> strings = ["G" * n + "A" * (8 - n) for n in range(9)] * 5
    >>> model = AttentionRegressor(max_epochs=20, random_state=0)
    >>> model.fit(strings, [string.count("G") for string in strings]).predict(["GGAAAAAA"]).shape
    (1,)
    """
