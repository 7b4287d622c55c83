"""What is translated to: target sequences, their loss, and how long an output may become."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from sklearn_ann.base import Targets
from sklearn_ann.layers import inside
from sklearn_ann.reading.kinds import as_strings, entries, is_text
from sklearn_ann.reading.tokens import TokenBatch, Tokenizer, TokenReader, TokenSamples, UnknownToken, Vocabulary
from sklearn_ann.training import Error, Examples

END = 0
"""Code of the token that begins and ends each target."""


def sequence_error(label_smoothing: float, logits: Tensor, target: TokenBatch) -> Tensor:
    """Return the cross-entropy of each sample, the mean over its tokens with the end: one loss per sample.

    Parameters
    ----------
    label_smoothing : float in [0, 1)
        Share of the target that is spread evenly over all tokens (Szegedy et al. 2016, section 7).
    logits : Tensor of shape (batch, length, n_tokens)
    target : TokenBatch
        Its codes have the shape (batch, length).
    """
    losses = F.cross_entropy(
        logits.flatten(0, 1), target.codes.flatten(), reduction="none", label_smoothing=label_smoothing
    ).view(target.codes.shape)
    if target.lengths is None:
        return losses.mean(dim=1)
    return (losses * inside(target.lengths, losses.shape[1])).sum(dim=1) / target.lengths


class SequenceTargets(Targets):
    """Sequences of tokens with a vocabulary of their own; an end follows each.

    Predictions are strings if the targets in the fit were: letters are joined as they are, what a tokenizer made of a
    string is joined by spaces. Otherwise predictions are lists of tokens.

    Parameters
    ----------
    tokenizer : callable or None
    """

    def __init__(self, *, owner: str, dtype: torch.dtype, tokenizer: Tokenizer | None = None) -> None:
        super().__init__(owner=owner, dtype=dtype)
        self.vocabulary = Vocabulary(owner=owner, dtype=dtype, what="y", tokenizer=tokenizer, first=END + 1)

    def learn(self, y: Any, weight: np.ndarray | None, **options: Any) -> TokenSamples:
        """Learn the vocabulary."""
        self._refuse(y, weight)
        encoded = with_end(*self.vocabulary.learn(y))
        self.n_outputs = END + 1 + len(self.vocabulary)
        return encoded

    def read(self, y: Any, *, weight: np.ndarray | None = None, **options: Any) -> TokenSamples:
        """Return targets over the same tokens."""
        self._refuse(y, weight)
        return with_end(*self.vocabulary.read(y))

    def alternatives(self, y: Any) -> list[Any]:
        """Return targets to score by, strings, lists of tokens, or sets of valid ones; tokens may be unknown.

        Raises
        ------
        TypeError
            If `y` is no list.
        """
        samples = entries(y)
        if samples is None:
            raise TypeError(
                f"y must be a list of strings, of lists of tokens or of sets of valid targets, got a {type(y).__name__}"
            )
        return [
            {_plain(option) for option in sample} if isinstance(sample, set | frozenset) else _plain(sample)
            for sample in samples
        ]

    def _refuse(self, y: Any, weight: np.ndarray | None) -> None:
        if y is None:
            raise ValueError(f"This {self.owner} requires y to be passed, but the target y is None")
        if weight is not None and weight.ndim == 2:
            raise ValueError(f"sample_weight has the shape {weight.shape}: expected one weight for each sample")

    @property
    def error(self) -> Error:
        """Cross-entropy without smoothing; see `sequence_error`."""
        raise NotImplementedError("the step chooses the label smoothing")

    def joined(self, tokens: list[str]) -> str | list[str]:
        """Return a prediction in the form that the targets in the fit had."""
        if not self.vocabulary.strings:
            return tokens
        return ("" if self.vocabulary.tokenizer is None else " ").join(tokens)

    def predictions(self, codes: list[np.ndarray]) -> np.ndarray:
        """Return sequences of codes as an array of objects, strings or lists."""
        found = np.empty(len(codes), dtype=object)
        for index, tokens in enumerate(self.tokens(codes)):  # an array of lists of one length would be a table
            found[index] = self.joined(tokens)
        return found

    def tokens(self, codes: list[np.ndarray]) -> list[list[str]]:
        """Return the tokens of sequences of codes."""
        names = np.array(["", *self.vocabulary.words], dtype=object)
        return [names[sequence].tolist() for sequence in codes]

    @property
    def attributes(self) -> dict[str, Any]:
        """The vocabulary."""
        return {"target_vocabulary_": dict(self.vocabulary.codes)}


def _plain(target: Any) -> Any:
    """Return a sequence of Biopython as a string, and anything else as it is."""
    return as_strings([target])[0] if is_text(target) and not isinstance(target, str | bytes) else target


def with_end(codes: np.ndarray, starts: np.ndarray) -> TokenSamples:
    """Encode sequences, each followed by the end."""
    with_ends = np.insert(codes, starts[1:], END)
    return TokenSamples(torch.from_numpy(with_ends), torch.from_numpy(starts + np.arange(len(starts))))


# An output may be this much longer than the targets in the fit: twice, and ten tokens more.
_TIMES, _MORE = 2, 10


class SourceReader(TokenReader):
    """Reads sources, and learns how long a target may be by the length of its source.

    Attributes
    ----------
    longest : int array of shape (max_length + 1,)
        Entry n: the most tokens of a target in the fit whose source has n tokens or less.
    """

    longest: np.ndarray

    def __init__(
        self,
        *,
        owner: str,
        dtype: torch.dtype,
        tokenizer: Tokenizer | None = None,
        unknown: UnknownToken = "error",
        max_length: int | str = "auto",
    ) -> None:
        super().__init__(owner=owner, dtype=dtype, tokenizer=tokenizer, unknown=unknown)
        self.max_length = max_length

    def finish(self, examples: Examples[TokenSamples]) -> Examples[TokenSamples]:
        """Learn the lengths; batches in training hold sources, then targets, of similar length."""
        target = examples.target
        assert isinstance(target, TokenSamples)
        n_source, n_target = (samples.lengths.numpy() for samples in (examples.samples, target))
        rows = slice(None) if examples.rows is None else examples.rows.numpy()
        longest = np.zeros(int(n_source[rows].max()) + 1, dtype=np.int64)
        np.maximum.at(longest, n_source[rows], n_target[rows] - 1)
        self.longest = np.maximum.accumulate(longest)
        return Examples(examples.samples.alike(target.lengths), examples.rows, target, examples.weight)

    def limits(self, lengths: Tensor) -> Tensor:
        """Return the most tokens that an output may have, by the length of its source.

        By ``max_length="auto"`` this is ten more than twice the longest target in the fit whose source was not longer.
        A source that is longer than all in the fit is allowed proportionally more.
        """
        if not isinstance(self.max_length, str):
            return torch.full_like(lengths, int(self.max_length))
        longest = torch.from_numpy(self.longest).to(lengths.device)
        most = len(longest) - 1
        known = longest[lengths.clamp(max=most)]
        return _MORE + (_TIMES * known * lengths.clamp(min=most) + most - 1) // most
