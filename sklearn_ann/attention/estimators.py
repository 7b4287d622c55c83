"""Classifier and regressor with attention to tokens, to columns or to rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from sklearn.utils import Tags
from sklearn.utils.metaestimators import available_if
from torch import Tensor, nn

from sklearn_ann import training
from sklearn_ann._warnings import warn
from sklearn_ann.attention.body import RATE, AttentionBody
from sklearn_ann.attention.columns import ColumnBody
from sklearn_ann.attention.rows import RowBody, Similarity
from sklearn_ann.attention.tokens import TokenBody, TokenPooling
from sklearn_ann.base import NeuralClassifier, NeuralEstimator, NeuralRegressor, Plan
from sklearn_ann.base.parameters import ClosedFraction, DropProbability, Fraction, PositiveFloat, PositiveInt, fitted
from sklearn_ann.base.saliency import Maps
from sklearn_ann.layers import Position
from sklearn_ann.reading import LetterReader, Reader, TableReader
from sklearn_ann.reading.alphabets import Unknown
from sklearn_ann.reading.kinds import entries, is_letters, is_ragged, is_table, is_text, possible_kinds, unpacked
from sklearn_ann.reading.scaling import Scaling

Attend = Literal["auto", "tokens", "columns", "rows"]
Numeric = Literal["periodic", "linear"]
_BODIES: dict[str, type[AttentionBody]] = {"tokens": TokenBody, "columns": ColumnBody, "rows": RowBody}
_MOST_WEIGHTS = 2**22  # attention weights of a layer, computed at a time


_REPEATS = 10  # how often each string of a column occurs from which on it may be a category


def what_to_attend(X: Any) -> tuple[Literal["tokens", "columns"], str | None]:
    """Return "tokens" if X holds strings, else "columns", and why it is in doubt; None if it is not.

    A column of strings, in a list, a series, an array or a frame, holds strings, and lists of letters do if they differ
    in length. Rows of several columns are a table.

    Raises
    ------
    ValueError
        If X holds series or images.
    """
    if is_text(X):
        return "tokens", None  # its reader refuses a single string
    samples = entries(X) or []
    if any(map(is_text, samples)):
        distinct = len({str(sample) for sample in samples})
        if getattr(X, "ndim", 1) == 2 and len(samples) >= _REPEATS * distinct:
            return "tokens", f"The column of {len(samples)} strings, {distinct} of them different, is read as sequences"
        return "tokens", None
    if samples and all(map(is_letters, samples)):
        lengths = {len(sample) for sample in samples}
        if lengths == {1} or len(lengths) > 1:
            return "tokens", None
        return "columns", "Rows of single letters are read as a table of categories"
    numbers, _ = unpacked(X)
    cells = isinstance(numbers, list) and numbers is not X  # of a series or a frame, that were lists
    if "image" in possible_kinds(numbers) or (cells and is_table(numbers)) or is_ragged(numbers):
        raise ValueError(
            "X holds series or images, but attention reads strings and tables, of shape (n_samples, n_columns): "
            "CNNClassifier and CNNRegressor read series and images"
        )
    return "columns", None


def rollout(maps: Tensor) -> Tensor:
    """Combine the attention maps of all layers (Abnar and Zuidema 2020, section 3).

    Half of a layer's output at a token counts as coming from the token itself, the other half from the tokens that it
    attends to, by the mean over the heads. The product over the layers is the rollout.

    Parameters
    ----------
    maps : Tensor of shape (batch, layer, head, token, token)

    Returns
    -------
    Tensor of shape (batch, token, token)
        Share of each input token (last axis) in each output token; rows sum to one.
    """
    mixed = (
        maps.mean(dim=2) + torch.eye(maps.shape[-1], dtype=maps.dtype, device=maps.device)
    ) / 2  # (batch, layer, token, token)
    result = mixed[:, 0]
    for layer in mixed.unbind(dim=1)[1:]:
        result = layer @ result
    return result


def chunks_of_maps(n_keys: np.ndarray, n_heads: int) -> list[Tensor]:
    """Divide samples into chunks whose attention maps fit in memory.

    All samples of a chunk have the same number of keys, so that nothing is padded.
    """
    chunks: list[Tensor] = []
    for count in np.unique(n_keys):
        size = max(1, _MOST_WEIGHTS // (n_heads * int(count) ** 2))
        chunks += torch.split(torch.from_numpy(np.flatnonzero(n_keys == count)), size)
    return chunks


def _attends_to_rows(estimator: Any) -> bool:
    return bool(getattr(estimator, "resolved_parameters_", estimator).attend == "rows")


class AttentionEstimator(NeuralEstimator):
    """Parameters and methods shared by the attention estimators.

    Parameters
    ----------
    attend : {"auto", "tokens", "columns", "rows"}
        Kind of attention. ``"tokens"``: the tokens of a string attend to each other. ``"columns"``: the columns of a
        row of a table attend to each other. ``"rows"``: a row attends to the rows of the training set. ``"auto"``
        selects tokens for strings, also in a single column, and columns for tables.

    n_components : int
        Width of the vector of a token, a column or a row, and number of features that ``transform`` returns.

    n_layers : "auto" or int
        Number of blocks, each of attention and a dense layer. ``"auto"``: one for tokens, three for columns. Not used
        for rows.

    n_heads : int
        Number of attention heads in a block. Not used for rows.

    dropout : "auto" or float
        Probability, in [0, 1), to drop a hidden unit in training, an attention weight (tokens and rows) or a value
        that a block adds (tokens and columns). ``"auto"``: 0.3 for tokens, 0.1 for columns, 0.2 for rows.

    alphabet : {"auto", "dna", "rna", "protein"} or str
        Tokens: name of the alphabet, or its letters. ``"auto"`` selects DNA or RNA if 95 % of the letters in ``fit``
        are A, C, G, T, U or N, or with a warning if 75 % are and the others are ambiguous letters such as R. Otherwise
        it selects protein. If no alphabet fits, an error is raised. Lower-case letters are read as upper-case letters.

    unknown : {"error", "ambiguous"}
        Tokens: treatment of letters outside the alphabet. ``"error"`` raises an error, and ``"ambiguous"`` reads them
        as a letter that may be any.

    k : int
        Tokens: number of letters in a token. A token consists of a letter and its ``k - 1`` neighbours. The vector of
        a token is the sum of the vectors of its letters, with one embedding matrix for each position in the token.

    position : {"sinusoidal", "learned", "rotary", "none"}
        Tokens: positional encoding. ``"sinusoidal"`` adds sine waves to the vectors of the tokens. ``"learned"`` adds
        a learned vector for each position; later strings may not be longer than those in ``fit``. ``"rotary"`` makes
        the attention weights depend on the distance of two tokens. With ``"none"`` the network does not read the order
        of the tokens.

    pooling : {"cls", "mean"}
        Tokens: features of a string. ``"cls"`` takes the output of an additional token that attends to all others,
        and ``"mean"`` the mean over all tokens.

    mutation : float
        Tokens: share of the letters that training replaces by other letters of the same string, drawn anew in each
        epoch.

    categorical_features : "auto", or list of int, str or bool
        Columns and rows: the categorical columns, by position, by name in a frame, or by a bool for each column.
        ``"auto"`` decides by the type of the column; a column of objects is numeric if nine tenths of its values are
        numbers. Missing values are one more category, and so are categories that ``fit`` has not seen.

    scaling : {"quantile", "standard"}
        Columns and rows: scale of the numbers. ``"quantile"`` maps them to quantiles of the normal distribution, and
        ``"standard"`` to mean 0 and standard deviation 1. Missing numbers (NaN) have a learned vector.

    numeric : {"periodic", "linear"}
        Columns and rows: vector of a number. ``"periodic"`` uses sine waves of learned frequencies, and ``"linear"``
        multiplies a learned vector by the number.

    n_neighbors : int
        Rows: number of training rows that a row attends to.

    similarity : {"l2", "dot"}
        Rows: similarity of two rows: minus the squared distance of their keys, or the product of their keys.

    learning_rate_warmup : float
        Share of `max_epochs`, in [0, 1), over which the learning rate rises linearly to `learning_rate`.

    learning_rate : "auto" or float
        Step size of the optimiser. ``"auto"`` is 0.003, for columns with n < 1000 samples ``0.003 * sqrt(n / 1000)``,
        and 0.001 if `init_from` is a `PretrainedTransformer`.

    max_epochs : "auto" or int
        Maximum number of epochs. ``"auto"``: 40 for tokens, 20 for columns and rows.

    batch_size : "auto", int or None
        Number of samples in a step of the optimiser; None for all samples. ``"auto"`` is 32 for tokens, and for
        columns and rows a fiftieth of the samples, at least 32 and at most 256.

    Attributes
    ----------
    alphabet_ : str or None
        ``"dna"``, ``"rna"``, ``"protein"`` or the letters given; None if X is a table.

    letters_ : str or None
        The unambiguous letters of the alphabet; None if X is a table.

    categorical_features_ : list of str or int, or None
        Names of the categorical columns, or their positions if X has no names; None if X holds strings.
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
    max_epochs: PositiveInt | Literal["auto"] = "auto"
    batch_size: PositiveInt | Literal["auto"] | None = "auto"
    learning_rate: PositiveFloat | Literal["auto"] = "auto"  # type: ignore[assignment]  # by the samples
    learning_rate_schedule: training.Schedule = "cosine"
    max_grad_norm: PositiveFloat | None = 1.0

    alphabet_: str | None = fitted()
    letters_: str | None = fitted()
    categorical_features_: list[str | int] | None = fitted()

    _begins_from: ClassVar[Mapping[str, str]] = {
        "pretrained": "a PretrainedTransformer",
        "letters": "a SequenceEmbeddingTransformer of DNA, RNA or proteins",
    }
    _of_noise: ClassVar[tuple[str, ...]] = ("dropout", "mutation")

    def _reader(self, X: Any, **common: Any) -> Reader[Any]:
        attend: str = self.attend
        if attend == "auto":
            attend, doubt = what_to_attend(X)
            if doubt:
                message = f"{type(self).__name__}: {doubt}; attend='tokens' or attend='columns' says which they are."
                warn(message)
        if attend == "tokens":
            longest = self.position == "learned"
            return LetterReader(alphabet=self.alphabet, unknown=self.unknown, longest=longest, **common)
        features = self.categorical_features
        return TableReader(categorical_features=features, scaling=self.scaling, missing=True, **common)

    def _auto(self, plan: Plan) -> dict[str, Any]:
        attend = plan.parameters.attend
        if plan.source is not None and plan.source.kind == "pretrained":
            return TokenBody.defaults(plan) | {"learning_rate": RATE / 3}  # what was learned must not be lost at once
        if attend == "auto":
            attend = "tokens" if isinstance(plan.reader, LetterReader) else "columns"
        # The reader resolves "auto" in `alphabet` and `categorical_features`.
        return {"attend": attend, **_BODIES[attend].defaults(plan)}

    def _body(self, plan: Plan) -> tuple[nn.Module, int]:
        p = plan.parameters
        return _BODIES[p.attend].build(plan), p.n_components

    def _set_noise(self, body: nn.Module, plan: Plan) -> None:
        if isinstance(body, AttentionBody):
            body.set_noise(plan.parameters.dropout, plan.parameters.mutation or 0.0)

    def _take(self, plan: Plan, run: training.Training, module: nn.Module) -> dict[str, Any]:
        of_other_kinds = dict.fromkeys(("alphabet_", "letters_", "categorical_features_"))
        return {**of_other_kinds, **plan.reader.attributes}

    def attention_maps(self, X: Any, *, kind: Literal["raw", "rollout"] = "raw") -> Maps:
        """Return the attention weights of each sample.

        A map shows where a layer looks, not why the network decides as it does (Jain and Wallace 2019). Heads and
        layers are therefore not averaged.

        Parameters
        ----------
        X : samples as in ``fit``
            The samples.
        kind : {"raw", "rollout"}
            The weights of each layer and head, or their rollout over all layers (Abnar and Zuidema 2020).

        Returns
        -------
        array of shape (n_samples, n_layers, n_heads, n_queries, n_keys), or a list of arrays without the first axis
            A list if samples have different numbers of tokens. Each row sums to one. The maps of ``kind="rollout"``
            have no axes of layers and heads. `token_names` returns the names of queries and keys.

        Raises
        ------
        ValueError
            If ``kind="rollout"`` is combined with ``attend="rows"``, whose queries are not its keys.
        """
        samples = self._read(X)
        if kind not in ("raw", "rollout"):
            raise ValueError(f"kind={kind!r}: expected 'raw' or 'rollout'")
        if kind == "rollout" and self.resolved_parameters_.attend == "rows":
            raise ValueError(
                "kind='rollout' needs attention within samples, but attend='rows' attends to others: use kind='raw'"
            )
        n_keys = np.array([len(names) for names in self._own_body.key_names(self.reader_, samples)])
        uniform = bool((n_keys == n_keys[0]).all())

        def maps(module: Any, batch: Any) -> Tensor | list[Tensor]:
            found = torch.stack(module.body.attention(batch), dim=1).float()  # (batch, layer, head, query, key)
            if kind == "rollout":
                found = rollout(found)
            return found if uniform else list(found)

        chunks = chunks_of_maps(n_keys, self.resolved_parameters_.n_heads)
        result: np.ndarray | list[np.ndarray] = self._apply_to(samples, maps, chunks=chunks, in_full=True)
        return result

    @property
    def _own_body(self) -> AttentionBody:
        """The body, if it is one of this room."""
        body = self.module_.body
        if not isinstance(body, AttentionBody):
            raise ValueError(
                f"this {type(self).__name__} has no attention maps: init_from gave it a network of torch, whose "
                "attention weights cannot be read: expected a fit without init_from, or from an estimator of attention"
            )
        return body

    @available_if(_attends_to_rows)
    def neighbors(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return the training rows that each row attends to, by decreasing weight.

        Parameters
        ----------
        X : samples as in ``fit``
            The samples.

        Returns
        -------
        indices : int array of shape (n_samples, n_neighbors)
            Positions in X of the last ``fit`` or the first ``partial_fit``.
        weights : array of shape (n_samples, n_neighbors)
            Their attention weights; rows sum to one.
        """
        indices, weights = self._apply(X, lambda module, batch: module.body.neighbors(batch), in_full=True)
        return indices, weights

    def token_names(self, X: Any) -> list[list[str]]:
        """Return the names of the keys of `attention_maps`, which are also its queries unless ``attend="rows"``.

        Parameters
        ----------
        X : samples as in ``fit``
            The samples.

        Returns
        -------
        list of lists of str
        """
        samples = self._read(X)
        names: list[list[str]] = self._own_body.key_names(self.reader_, samples)
        return names

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        tags.input_tags.string = tags.input_tags.categorical = tags.input_tags.allow_nan = True
        return tags


class AttentionClassifier(AttentionEstimator, NeuralClassifier):
    """Classification of strings and of tables with attention.

    X is a list of strings, or a table: an array or a frame. The parameter `attend` selects the kind of attention. The
    description of a parameter begins with the kinds that use it, unless all do.

    An attention layer adds ``softmax(Q Kᵀ / sqrt(width)) V`` to the tokens or columns, with several heads side by side.
    The queries Q, the keys K and the values V are linear maps of the tokens. The better the query of a token matches
    the key of another token, the greater is the weight of the other token's value. A dense layer for each token
    follows. The classifier reads one token or the mean of all tokens. Each layer normalises its input (Xiong et al.
    2020).

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
    """Regression on strings and on tables with attention, as in `AttentionClassifier`.

    Examples
    --------
    >>> from sklearn_ann import AttentionRegressor
    >>> strings = ["G" * n + "A" * (8 - n) for n in range(9)] * 5
    >>> model = AttentionRegressor(max_epochs=20, random_state=0)
    >>> model.fit(strings, [string.count("G") for string in strings]).predict(["GGAAAAAA"]).shape
    (1,)
    """
