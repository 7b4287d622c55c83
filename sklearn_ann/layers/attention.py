"""Attention of several heads, the block of a transformer around it, and encodings of the place in a sequence."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sklearn_ann.layers.stochastic import Dropout

Position = Literal["sinusoidal", "learned", "rotary", "none"]
FeedForward = Literal["gelu", "reglu"]

_LONGEST_WAVE = 10_000.0


def attention_weights(query: Tensor, key: Tensor, mask: Tensor | None = None, scale: float | None = None) -> Tensor:
    """``softmax(scale Q Kᵀ)`` over the keys, ``scale = 1 / sqrt(width)`` where it is None (Vaswani et al. 2017, eq. 1).

    Parameters
    ----------
    query : Tensor of shape (..., n_queries, width)
    key : Tensor of shape (..., n_keys, width)
    mask : bool Tensor that broadcasts to (..., n_queries, n_keys), or None
        Which keys count; one at least for each query.
    scale : float or None
    """
    scores = query @ key.transpose(-2, -1) * (query.shape[-1] ** -0.5 if scale is None else scale)
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    return scores.softmax(dim=-1)


def wave_angles(length: int, n_waves: int, like: Tensor) -> Tensor:
    """Angle of each place under waves of lengths from 2π to 20,000π, shape (length, n_waves)."""
    dtype = torch.promote_types(like.dtype, torch.float32)  # in bfloat16 places would be one
    frequency = _LONGEST_WAVE ** (-torch.arange(n_waves, device=like.device, dtype=dtype) / n_waves)
    return torch.arange(length, device=like.device, dtype=dtype)[:, None] * frequency


def rotated(x: Tensor) -> Tensor:
    """Turn the vector at each place by angles that grow with the place (Su et al. 2021, eq. 34).

    The product of two rotated vectors depends on their own values and on their distance alone.

    Parameters
    ----------
    x : Tensor of shape (..., length, width), of an even width
    """
    half = x.shape[-1] // 2
    angles = wave_angles(x.shape[-2], half, x)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)  # (length, half)
    left, right = x[..., :half], x[..., half:]
    return torch.cat([left * cos - right * sin, left * sin + right * cos], dim=-1)


class PositionalEncoding(nn.Module):
    """Add to each token what says where it stands.

    Parameters
    ----------
    kind : {"sinusoidal", "learned", "rotary", "none"}
        ``"sinusoidal"``: sine and cosine of the place under waves of many lengths (Vaswani et al. 2017, section 3.5).
        ``"learned"``: a vector of each place. ``"rotary"`` is for the attention itself to do, so that nothing is added.
    width, max_length : int
        `max_length` is the greatest length that ``"learned"`` can take.
    """

    def __init__(self, kind: Position, width: int, max_length: int) -> None:
        super().__init__()
        self.kind = kind
        self.table = nn.Parameter(torch.empty(max_length, width)) if kind == "learned" else None
        if self.table is not None:
            nn.init.normal_(self.table)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, length, width) to the same shape."""
        length, width = x.shape[1:]
        if self.table is not None:
            return x + self.table[:length]
        if self.kind != "sinusoidal":
            return x
        angles = wave_angles(length, -(-width // 2), x)
        return x + torch.cat([angles.sin(), angles.cos()], dim=1)[:, :width].to(x.dtype)


class MultiHeadAttention(nn.Module):
    """Every token asks all tokens, in several ways at once (Vaswani et al. 2017, section 3.2.2).

    Parameters
    ----------
    width : int
        Of the tokens.
    n_heads : int
        Each head works on ``width / n_heads`` numbers, rounded up to an even one.
    dropout : float
        Probability to drop a weight while training.
    rotary : bool
        Whether queries and keys are turned by their places.
    """

    def __init__(self, width: int, n_heads: int, *, dropout: float = 0.0, rotary: bool = False) -> None:
        super().__init__()
        self.n_heads, self.rotary = n_heads, rotary
        inner = 2 * -(-width // (2 * n_heads)) * n_heads
        self.query = nn.Linear(width, inner)
        self.keys_values = nn.Linear(width, 2 * inner)
        self.answer = nn.Linear(inner, width)
        self.dropout = Dropout(dropout)

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        maps: list[Tensor] | None = None,
        n_queries: int | None = None,
    ) -> Tensor:
        """Map tokens to tokens.

        Parameters
        ----------
        x : Tensor of shape (batch, length, width)
        mask : bool Tensor of shape (batch, length) or None
            Which tokens are there, one at least in each sample.
        maps : list or None
            Where the weights are put, shape (batch, n_heads, n_queries, length), if they are asked for.
        n_queries : int or None
            Only so many tokens ask, the first ones, as where no more is read of the last layer; None for all.

        Returns
        -------
        Tensor of shape (batch, n_queries, width)
        """
        query = self.query(x[:, :n_queries]).unflatten(-1, (self.n_heads, -1)).transpose(1, 2)
        key, value = self.keys_values(x).unflatten(-1, (2, self.n_heads, -1)).permute(2, 0, 3, 1, 4)
        # each (batch, n_heads, n_queries or length, head_width)
        if self.rotary:
            query, key = rotated(query), rotated(key)
        keys = None if mask is None else mask[:, None, None, :]
        if maps is None and not (self.training and self.dropout.p > 0.0):
            mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=keys)
        else:  # torch's own function keeps its weights to itself and draws from the global generator
            weights = attention_weights(query, key, keys)
            if maps is not None:
                maps.append(weights)
            mixed = self.dropout(weights) @ value
        answer: Tensor = self.answer(mixed.transpose(1, 2).flatten(2))
        return answer


class ReGLU(nn.Module):
    """One half of the input, each number multiplied with ReLU of one of the other half (Shazeer 2020)."""

    def forward(self, x: Tensor) -> Tensor:
        value, gate = x.chunk(2, dim=-1)
        return value * gate.relu()


class EncoderBlock(nn.Module):
    """Attention, then a dense layer for each token, each added to what it reads in normalised form (Xiong et al. 2020).

    Parameters
    ----------
    width, n_heads : int
    hidden : int
        Width of the dense layer.
    dropout : float
        Probability to drop, while training, a hidden unit and what is added.
    attention_dropout : float
        The same of a weight of the attention.
    activation : {"gelu", "reglu"}
    rotary : bool
        Whether the attention knows of places.
    """

    def __init__(
        self,
        width: int,
        n_heads: int,
        hidden: int,
        *,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        activation: FeedForward = "gelu",
        rotary: bool = False,
    ) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attention = MultiHeadAttention(width, n_heads, dropout=attention_dropout, rotary=rotary)
        gated = activation == "reglu"
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 2 * hidden if gated else hidden),
            ReGLU() if gated else nn.GELU(),
            Dropout(dropout),
            nn.Linear(hidden, width),
        )
        self.dropout = Dropout(dropout)

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        maps: list[Tensor] | None = None,
        n_queries: int | None = None,
    ) -> Tensor:
        """Map tokens to tokens; the arguments are those of `MultiHeadAttention`."""
        x = x[:, :n_queries] + self.dropout(self.attention(self.norm(x), mask, maps, n_queries))
        added: Tensor = x + self.dropout(self.feed_forward(x))
        return added
