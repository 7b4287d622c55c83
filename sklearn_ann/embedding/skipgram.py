"""Skip-gram with negative sampling: tokens with similar neighbours get similar vectors."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sklearn_ann.layers import Stochastic

_BLOCK = 32  # centres that share a matrix product and its noise tokens
_NOISE = 32  # noise tokens of a block


def proximity(window: int) -> Tensor:
    """Return the weight of each pair of a centre and a token near its block, shape (block, block + 2 * window).

    The i-th centre of a block is at position ``i + window`` of these tokens. A window of random size, 1 to `window`,
    reaches a token at distance ``o`` with probability ``(window - o + 1) / window``.
    """
    distance = (torch.arange(_BLOCK + 2 * window) - window - torch.arange(_BLOCK)[:, None]).abs()
    return ((window - distance + 1) / window).clamp(min=0.0) * (distance > 0)


class SkipGram(Stochastic):
    """The two embedding matrices, and the error of their pairs in a text.

    Parameters
    ----------
    counts : Tensor of shape (n_tokens,)
        How often each token of the vocabulary occurs in the text.
    n_components, window : int
    n_negatives : int
    subsample : float
    """

    undivided = "its negative tokens are drawn for whole batches"
    proximity: Tensor
    noise: Tensor
    keep: Tensor

    def __init__(self, counts: Tensor, n_components: int, window: int, n_negatives: int, subsample: float) -> None:
        super().__init__()
        shape = len(counts), n_components
        self.vectors = nn.Parameter(torch.empty(shape).uniform_(-0.5 / n_components, 0.5 / n_components))
        self.context = nn.Parameter(torch.zeros(shape))
        self.window, self.n_negatives = window, n_negatives
        cumulated = counts.double().pow(0.75).cumsum(0)
        # Integers keep their precision when the module changes its type. The buffers are not persistent: they follow
        # from data and settings, so that a warm start must not load them.
        self.register_buffer("noise", (cumulated / cumulated[-1] * 2**31).long(), persistent=False)
        often = counts.double() / counts.sum() / max(subsample, 1 / len(counts))
        self.register_buffer(
            "keep", (often**-0.5 + often**-1 if subsample else torch.ones(shape[0])).float(), persistent=False
        )
        self.register_buffer("proximity", proximity(window), persistent=False)

    def forward(self, batch: Tensor) -> Tensor:
        """Return the mean error of the pairs in each row of `text_rows`, shape (rows,); zero without pairs."""
        rows, length, _ = batch.shape
        tokens, segments = batch.flatten(0, 1).unbind(1)
        kept = segments >= 0
        if self.training:
            chance = torch.rand(len(tokens), dtype=torch.float32, device=batch.device, generator=self.generator)
            kept &= chance < self.keep.index_select(0, tokens)
        position = kept.nonzero()[:, 0]
        tokens = tokens.index_select(0, position)
        segments = segments.index_select(0, position) + position // length * length  # rows share no segment

        window, n_blocks = self.window, max(-(-len(tokens) // _BLOCK), 1)
        missing = n_blocks * _BLOCK - len(tokens)
        around = (window, missing + window)
        centres = F.pad(tokens, (0, missing))
        near = F.pad(tokens, around).unfold(0, _BLOCK + 2 * window, _BLOCK)  # (blocks, block + 2 * window)
        # Padding belongs to no segment, and padded centres and padded neighbours do not match each other.
        same = (
            F.pad(segments, (0, missing), value=-1).view(n_blocks, _BLOCK, 1)
            == (F.pad(segments, around, value=-2).unfold(0, _BLOCK + 2 * window, _BLOCK)[:, None])
        )
        weight = self.proximity * same  # (blocks, block, block + 2 * window)
        total = weight.sum(2)  # (blocks, block)

        others = torch.cat([near, self._noise(n_blocks, batch.device)], dim=1)  # (blocks, n_others)
        # On CUDA, the gradient of embedding() is deterministic, that of index_select() is not.
        u = F.embedding(centres, self.vectors).view(n_blocks, _BLOCK, -1)
        v = F.embedding(others, self.context)  # (blocks, n_others, n_components)
        scores = u @ v.mT - math.log(self.n_negatives)  # (blocks, block, n_others)
        found, drawn = scores[..., :-_NOISE], scores[..., -_NOISE:]
        error = (F.softplus(-found) * weight).sum(2) + total * F.softplus(drawn).sum(2) * (self.n_negatives / _NOISE)

        def by_row(values: Tensor) -> Tensor:
            grid = values.new_zeros(rows * length).index_copy(0, position, values.flatten()[: len(position)])
            return grid.view(rows, length).sum(1)

        return by_row(error) / by_row(total).clamp(min=torch.finfo(error.dtype).tiny)

    def _noise(self, n_blocks: int, device: torch.device) -> Tensor:
        """Draw noise tokens by their counts to the power of 3/4; evenly outside training, to repeat a loss."""
        shape = n_blocks, _NOISE
        if self.training:
            drawn = torch.randint(2**31, shape, device=device, generator=self.generator)
        else:
            drawn = (torch.arange(n_blocks * _NOISE, device=device) * 1327217885 % 2**31).view(shape)  # golden ratio
        return torch.searchsorted(self.noise, drawn, right=True)
