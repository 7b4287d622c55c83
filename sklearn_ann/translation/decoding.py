"""Beam search: the most probable outputs of a network that predicts one token after the other."""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from sklearn_ann.reading.tokens import TokenBatch
from sklearn_ann.training import Rows

# BLAS rounds other numbers of rows differently, so that an output could depend on how many are left in the batch.
_MULTIPLE = Rows.multiple
_BEHIND = 1e6  # a hypothesis without an end is an output only where too few have one
_SHARE_OPEN = 0.75  # of the samples in a batch, under which those that are done leave it


class Cache:
    """What a network keeps of the tokens so far.

    Attributes
    ----------
    of_samples : list of Tensor of shape (batch, ...)
        What all hypotheses of a sample share, such as keys and values of its source.
    of_beams : list of Tensor of shape (batch, n_beams, ...)
        What each hypothesis has for itself.
    n_tokens : int
        Number of tokens so far.
    """

    def __init__(self, of_samples: list[Tensor], of_beams: list[Tensor]) -> None:
        self.of_samples, self.of_beams = of_samples, of_beams
        self.n_tokens = 0

    def keep(self, samples: Tensor) -> None:
        """Keep some samples of the batch."""
        self.of_samples = [part.index_select(0, samples) for part in self.of_samples]
        self.of_beams = [part.index_select(0, samples) for part in self.of_beams]

    def reorder(self, beams: Tensor) -> None:
        """Put the hypothesis ``beams[i, j]`` of sample ``i`` in the place of its hypothesis ``j``."""
        self.of_beams = [_chosen(part, beams) for part in self.of_beams]


class Decoder(Protocol):
    """A network that a search can ask for the next token."""

    def begin(self, source: TokenBatch, n_beams: int) -> Cache:
        """Encode the sources."""

    def advance(self, tokens: Tensor, cache: Cache) -> Tensor:
        """Return the logits of the next token after `tokens`, (batch, n_beams); shape (batch, n_beams, n_tokens)."""


class Hypothesis(NamedTuple):
    """An output."""

    codes: np.ndarray  # (length,), without the end
    log_probability: float  # of all tokens, with the end if it is there
    cut: bool  # whether it has reached its greatest length without an end


class _Found(NamedTuple):
    """The best hypotheses of each sample that have ended, by falling score; -inf where there is none."""

    scores: Tensor  # (batch, n_beams)
    log_probabilities: Tensor  # (batch, n_beams)
    tokens: Tensor  # (batch, n_beams, longest)
    lengths: Tensor  # (batch, n_beams)
    cut: Tensor  # (batch, n_beams)

    def merged(self, scores: Tensor, log_probabilities: Tensor, tokens: Tensor, length: int, cut: bool) -> _Found:
        """Return the best of these and of further hypotheses, all of one length."""
        others = _Found(
            scores,
            log_probabilities,
            tokens,
            torch.full_like(scores, length, dtype=torch.int64),
            torch.full_like(scores, cut, dtype=torch.bool),
        )
        best = torch.cat([self.scores, scores], dim=1).topk(self.scores.shape[1], dim=1).indices
        return _Found(*(_chosen(torch.cat([a, b], dim=1), best) for a, b in zip(self, others, strict=True)))

    def kept(self, samples: Tensor) -> _Found:
        return _Found(*(part.index_select(0, samples) for part in self))


def _chosen(values: Tensor, beams: Tensor) -> Tensor:
    """Return ``values[i, beams[i, j]]`` for (batch, n_old, ...) and (batch, n_new)."""
    if values.shape[1] == 1 and beams.shape[1] == 1:
        return values
    first = torch.arange(len(values), device=values.device)[:, None] * values.shape[1]
    return values.flatten(0, 1).index_select(0, (first + beams).flatten()).view(*beams.shape, *values.shape[2:])


class _Search:
    """The hypotheses of a batch of sources that go on, and the best of those that have ended."""

    def __init__(
        self, network: Decoder, source: TokenBatch, limits: Tensor, n_beams: int, length_penalty: float, end: int
    ) -> None:
        self.network, self.limits, self.n_beams = network, limits, n_beams
        self.length_penalty, self.end = length_penalty, end
        batch, device = len(limits), limits.device
        self.longest = int(limits.max()) + 1
        self.cache = network.begin(source, n_beams)
        self.tokens = torch.full((batch, n_beams, self.longest), end, device=device)
        self.last = self.tokens[:, :, 0]
        self.scores = torch.full((batch, n_beams), -math.inf, device=device)
        self.found = _Found(
            self.scores.clone(),
            torch.zeros_like(self.scores),
            torch.zeros_like(self.tokens),
            torch.zeros_like(self.scores, dtype=torch.int64),
            torch.zeros_like(self.scores, dtype=torch.bool),
        )
        self.scores[:, 0] = 0.0  # all beams begin alike, so one of them counts
        self.place = torch.arange(batch, device=device)
        self.open = torch.ones(batch, dtype=torch.bool, device=device)

    def step(self, n: int) -> Tensor:
        """Find the token after `n` tokens; return which samples are done now, bool of shape (batch,)."""
        before, logits = self.scores, self.network.advance(self.last, self.cache)
        accurate = torch.promote_types(logits.dtype, torch.float32)
        total = before[:, :, None] + logits.to(accurate).log_softmax(dim=2)  # (batch, n_beams, n_tokens)
        n_tokens, divisor = total.shape[2], (n + 1) ** self.length_penalty
        best, number = total.flatten(1).topk(min(2 * self.n_beams, self.n_beams * n_tokens), dim=1)
        beams, next_ = number.div(n_tokens, rounding_mode="floor"), number % n_tokens  # (batch, 2 * n_beams)
        ends = next_ == self.end
        first = slice(None, 2 * self.n_beams - 1)  # with one beam, only the most probable token can be the end
        if bool(ends[:, first].any()):
            ended = best.masked_fill(~ends, -math.inf)[:, first]
            self.found = self.found.merged(
                ended / divisor, ended, _chosen(self.tokens, beams[:, first]), length=n, cut=False
            )
        # The end is a candidate once for each beam, so that enough others are left.
        self.scores, chosen = best.masked_fill(ends, -math.inf).topk(self.n_beams, dim=1)
        at_limit = self.limits <= n
        if bool(at_limit.any()):
            # The hypotheses as they were before this step, but those to which it has found an end.
            n_ends = torch.zeros_like(before).scatter_add(1, beams[:, first], ends[:, first].to(before.dtype))
            rank = torch.arange(self.n_beams, device=before.device)  # the most probable comes first already
            places = torch.where(at_limit[:, None] & (n_ends == 0), -_BEHIND - rank, -math.inf)
            self.found = self.found.merged(places, before, self.tokens, length=n, cut=True)
        beams, self.last = beams.gather(1, chosen), next_.gather(1, chosen)
        self.tokens = _chosen(self.tokens, beams)
        if n < self.longest - 1:
            self.tokens[:, :, n] = self.last
        self.cache.reorder(beams)
        # What goes on is compared as if its mean would stay; a log-probability alone only falls.
        enough: Tensor = self.found.scores[:, -1] >= self.scores[:, 0] / divisor
        done: Tensor = self.open & (at_limit | enough)
        return done

    def leave(self, done: Tensor) -> None:
        """Close samples, and shrink the batch if many are closed."""
        self.open = self.open & ~done
        needed = -(-int(self.open.sum()) // _MULTIPLE) * _MULTIPLE
        if needed < _SHARE_OPEN * len(self.open):
            kept = torch.argsort(~self.open, stable=True)[:needed]  # some that are closed may have to fill it up
            self.cache.keep(kept)
            self.found = self.found.kept(kept)
            self.tokens, self.last, self.scores, self.limits, self.place, self.open = (
                part.index_select(0, kept)
                for part in (self.tokens, self.last, self.scores, self.limits, self.place, self.open)
            )


def search(
    network: Decoder, source: TokenBatch, limits: Tensor, n_beams: int, length_penalty: float, end: int
) -> list[list[Hypothesis]]:
    r"""Return the best outputs for each source, by falling score.

    At each step the `n_beams` most probable beginnings of a sample go on. A hypothesis Y ends with the token `end`; its
    score is (Wu et al. 2016, equation 14, with a simpler length)

    .. math:: \log P(Y \mid X) \, / \, (|Y| + 1)^{\alpha}.

    A sample is done when `n_beams` hypotheses have ended and none that goes on has a higher score at its length, or at
    its greatest length, where those that go on are cut. Samples that are done leave the batch. One beam always takes
    the most probable token.

    Parameters
    ----------
    network : Decoder
    source : TokenBatch
    limits : int64 Tensor of shape (batch,)
        Greatest number of tokens of an output, without the end.
    n_beams : int
        At most the number of tokens without the end.
    length_penalty : float
        The exponent.
    end : int
        Code of the token that ends an output.

    Returns
    -------
    list of lists of Hypothesis
        For each sample `n_beams` of them.
    """
    running = _Search(network, source, limits, n_beams, length_penalty, end)
    results: list[list[Hypothesis]] = [[]] * len(limits)
    for n in range(running.longest):
        done = running.step(n)
        if bool(done.any()):
            which = done.nonzero()[:, 0]
            for row, hypotheses in zip(
                running.place[which].tolist(), _unpacked(running.found.kept(which)), strict=True
            ):
                results[row] = hypotheses
            running.leave(done)
            if not bool(running.open.any()):
                break
    return results


def _unpacked(found: _Found) -> list[list[Hypothesis]]:
    scores, tokens = found.scores.tolist(), found.tokens.numpy(force=True)
    columns = (found.log_probabilities.tolist(), found.lengths.tolist(), found.cut.tolist())
    return [
        [
            Hypothesis(tokens[row, beam, :length].copy(), log_probability, cut)
            for beam, (score, log_probability, length, cut) in enumerate(zip(scores[row], *parts, strict=True))
            if score > -math.inf
        ]
        for row, parts in enumerate(zip(*columns, strict=True))
    ]
