"""Multi-head attention, the encoder block of a transformer, and positional encodings."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sklearn_ann.layers.steady import Linear
from sklearn_ann.layers.stochastic import Dropout

Position = Literal["sinusoidal", "learned", "rotary", "none"]
FeedForward = Literal["gelu", "reglu"]

_LONGEST_WAVE = 10_000.0
_QUERIES_AT_A_TIME = 32  # by torch's kernel for the CPU


def attention_weights(query: Tensor, key: Tensor, mask: Tensor | None = None, scale: float | None = None) -> Tensor:
    """Return ``softmax(scale Q Kᵀ)``, the softmax taken over the keys (Vaswani et al. 2017, equation 1).

    Parameters
    ----------
    query : Tensor of shape (..., n_queries, width)
    key : Tensor of shape (..., n_keys, width)
    mask : bool Tensor that broadcasts to (..., n_queries, n_keys), or None
        Which keys exist, at least one for each query.
    scale : float or None
        Factor of the products; None for ``1 / sqrt(width)``.
    """
    scores = query @ key.transpose(-2, -1) * (query.shape[-1] ** -0.5 if scale is None else scale)
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    return scores.softmax(dim=-1)


def wave_angles(length: int, n_waves: int, like: Tensor, longest: float = _LONGEST_WAVE) -> Tensor:
    """Return the angle of each position under waves of lengths from 2π to 2π `longest`, shape (length, n_waves)."""
    dtype = torch.promote_types(like.dtype, torch.float32)  # bfloat16 cannot tell large positions apart
    frequency = longest ** (-torch.arange(n_waves, device=like.device, dtype=dtype) / n_waves)
    return torch.arange(length, device=like.device, dtype=dtype)[:, None] * frequency


def rotated(x: Tensor) -> Tensor:
    """Rotate the vector at each position by angles that grow with the position (Su et al. 2021, equation 34).

    The product of two rotated vectors depends on their values and their distance, not on their positions.

    Parameters
    ----------
    x : Tensor of shape (..., length, width)
        The width is even.
    """
    half = x.shape[-1] // 2
    angles = wave_angles(x.shape[-2], half, x)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)  # (length, half)
    left, right = x[..., :half], x[..., half:]
    return torch.cat([left * cos - right * sin, left * sin + right * cos], dim=-1)


class PositionalEncoding(nn.Module):
    """Add an encoding of its position to each token.

    Parameters
    ----------
    kind : {"sinusoidal", "learned", "rotary", "none"}
        ``"sinusoidal"`` adds sine and cosine of the position under waves of many lengths (Vaswani et al. 2017,
        section 3.5), ``"learned"`` a learned vector of each position. ``"rotary"`` adds nothing: the attention rotates
        queries and keys.
    width : int
    max_length : int
        Greatest length for ``"learned"``. The waves of ``"sinusoidal"`` are up to 2π times as long.

    Notes
    -----
    The longest wave of Vaswani et al. has 63,000 positions. In short sequences most of their waves are constant, and
    neighbours look alike: the letter after a marked one is then not found among ten letters with a thousand examples.
    Waves that fit the sequences, with a variance of one like that of the letters' vectors, find it.
    """

    longest: float = _LONGEST_WAVE  # of models that were saved before waves fitted the sequences
    amplitude: float = 1.0

    def __init__(self, kind: Position, width: int, max_length: int) -> None:
        super().__init__()
        self.kind = kind
        self.longest, self.amplitude = float(max(2, max_length)), math.sqrt(2)
        self.vectors = nn.Parameter(torch.empty(max_length, width)) if kind == "learned" else None
        if self.vectors is not None:
            nn.init.normal_(self.vectors)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, length, width) to the same shape."""
        length, width = x.shape[1:]
        if self.vectors is not None:
            return x + self.vectors[:length]
        if self.kind != "sinusoidal":
            return x
        angles = wave_angles(length, -(-width // 2), x, self.longest)
        return x + self.amplitude * torch.cat([angles.sin(), angles.cos()], dim=1)[:, :width].to(x.dtype)


def _depends_on_threads(query: Tensor) -> bool:
    """Return whether torch's kernel would give a prediction other last digits on one thread than on several.

    The kernel of the CPU gives each thread a part of one buffer. With fewer queries than the kernel takes at a time,
    the parts begin at odd addresses, for which BLAS sums in another order. A forked process, which has one thread, must
    answer as its parent. The plain formula, which has no such parts, is as fast there.
    """
    few: bool = query.device.type == "cpu" and query.shape[2] < _QUERIES_AT_A_TIME
    return few and not torch.is_grad_enabled() and not torch.compiler.is_exporting()


class MultiHeadAttention(nn.Module):
    """Several heads of attention of all tokens to all tokens (Vaswani et al. 2017, section 3.2.2).

    Parameters
    ----------
    width : int
        Width of the tokens.
    n_heads : int
        Number of heads. The width of each is ``width / n_heads``, rounded up to an even number.
    dropout : float
        Probability to drop an attention weight in training.
    rotary : bool
        Whether to rotate queries and keys by their positions.
    """

    def __init__(self, width: int, n_heads: int, *, dropout: float = 0.0, rotary: bool = False) -> None:
        super().__init__()
        self.n_heads, self.rotary = n_heads, rotary
        inner = 2 * -(-width // (2 * n_heads)) * n_heads
        self.query = Linear(width, inner)
        self.keys_values = Linear(width, 2 * inner)
        self.output = Linear(inner, width)
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
            Which tokens exist, at least one in each sample.
        maps : list or None
            A list to which the attention weights are appended, shape (batch, n_heads, n_queries, length).
        n_queries : int or None
            Number of tokens, from the first on, whose outputs are computed; None for all.

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
        if maps is None and not (self.training and self.dropout.p > 0.0) and not _depends_on_threads(query):
            mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=keys)
        else:  # torch's own function does not return weights and draws from the global generator
            weights = attention_weights(query, key, keys)
            if maps is not None:
                maps.append(weights)
            mixed = self.dropout(weights) @ value
        output: Tensor = self.output(mixed.transpose(1, 2).flatten(2))
        return output


class ReGLU(nn.Module):
    """Multiply one half of the input by the ReLU of the other half (Shazeer 2020)."""

    def forward(self, x: Tensor) -> Tensor:
        value, gate = x.chunk(2, dim=-1)
        return value * gate.relu()


class EncoderBlock(nn.Module):
    """Attention, then a dense layer for each token, each with pre-normalisation and a shortcut (Xiong et al. 2020).

    Parameters
    ----------
    width, n_heads : int
    hidden : int
        Width of the dense layer.
    dropout : float
        Probability to drop, in training, a hidden unit and a value that is added to the tokens.
    attention_dropout : float
        Probability to drop an attention weight in training.
    activation : {"gelu", "reglu"}
    rotary : bool
        Whether to rotate queries and keys by their positions.
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
            Linear(width, 2 * hidden if gated else hidden),
            ReGLU() if gated else nn.GELU(),
            Dropout(dropout),
            Linear(hidden, width),
        )
        self.dropout = Dropout(dropout)

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        maps: list[Tensor] | None = None,
        n_queries: int | None = None,
    ) -> Tensor:
        """Map tokens to tokens, with the arguments of `MultiHeadAttention`."""
        x = x[:, :n_queries] + self.dropout(self.attention(self.norm(x), mask, maps, n_queries))
        added: Tensor = x + self.dropout(self.feed_forward(x))
        return added
