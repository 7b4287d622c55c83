"""Generator and critic as torch modules."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from sklearn.utils import Bunch
from torch import Tensor, nn
from torch.nn import functional as F

from sklearn_ann.base.parameters import check_image_shape
from sklearn_ann.layers import (
    Activation,
    ConvolutionalDecoder,
    ConvolutionalEncoder,
    Linear,
    Stochastic,
    activation_layer,
    convolution_layers,
    dense_stack,
    image_grid,
    image_layers,
    layer_widths,
    linear_layers,
)
from sklearn_ann.reading import ConditionedBatch, Fields

# Bound of what is read after the fit. No ordinary row comes near it; features and distances stay finite.
_FARTHEST = 1e6
_REACH = 10  # steps over which the first average reaches back
_HEAD = 0.1  # part of its weights that the head of a generator starts with, beside a linear map that starts well
_SHRINKAGE = 1e-3  # of the means under conditions, towards the mean of all rows
_MOST_LINEAR = 1000  # columns of which the covariance is computed


def cumulated(shares: Tensor) -> Tensor:
    """Return the sums of the first 1, 2, ... shares, which have no fixed order on CUDA, from the CPU."""
    return shares.cpu().cumsum(0).to(shares.device)


class Draws(Stochastic):
    """All random numbers that adversaries draw while they are trained."""

    def normal(self, like: Tensor, *size: int) -> Tensor:
        """Return standard normal numbers."""
        return like.new_empty(size).normal_(generator=self.generator)

    def uniform(self, like: Tensor, *size: int) -> Tensor:
        """Return numbers from [0, 1)."""
        return like.new_empty(size).uniform_(generator=self.generator)

    def gumbel(self, like: Tensor) -> Tensor:
        """Return numbers of the Gumbel distribution, by which the greatest of logits plus noise is a draw."""
        tiny = torch.finfo(like.dtype).tiny
        return -torch.empty_like(like).exponential_(generator=self.generator).clamp_(min=tiny).log_()

    def rows(self, n: int, size: int, weight: Tensor | None, like: Tensor) -> Tensor:
        """Draw the indices of `size` of `n` rows, in random order, each as often as its weight says.

        Without weights, each row is drawn as often as any other, or once more if `size` is no multiple of `n`. Weighted
        rows are drawn at equal steps along the sum of the weights (systematic sampling).
        """
        if weight is None:
            orders = [torch.randperm(n, generator=self.generator, device=like.device) for _ in range(-(-size // n))]
            return torch.cat(orders)[:size]
        along = (torch.arange(size, device=like.device) + self.uniform(like, 1)) / size
        total = cumulated(weight)
        drawn = torch.searchsorted(total / total[-1], along.to(total)).clamp_(max=n - 1)
        return drawn[torch.randperm(size, generator=self.generator, device=like.device)]


class Generator(nn.Module):
    """Turns noise and conditions into rows of numbers and of logits of categories.

    Parameters
    ----------
    body : nn.Module
        Maps noise and conditions, side by side, to rows.
    bounded : bool
        Whether the numbers lie in (-1, 1), for images.
    """

    def __init__(self, body: nn.Module, *, bounded: bool) -> None:
        super().__init__()
        self.body, self.bounded = body, bounded

    def forward(self, noise: Tensor, conditions: Tensor) -> Tensor:
        """Map (batch, n_components) and (batch, n_levels) to (batch, width)."""
        output: Tensor = self.body(torch.cat([noise, conditions], dim=1))
        return output.tanh() if self.bounded else output


class NormalizedBlock(nn.Module):
    """A linear map, layer normalisation (Ba, Kiros and Hinton 2016) and an activation."""

    def __init__(self, n_inputs: int, n_outputs: int, activation: Activation) -> None:
        super().__init__()
        self.linear, self.norm = Linear(n_inputs, n_outputs), nn.LayerNorm(n_outputs)
        self.activation = activation_layer(activation)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.activation(self.norm(self.linear(x)))
        return y


class Skipped(nn.Module):
    """The sum of a linear map of the noise and of what hidden layers make of it.

    The linear map alone is a normal distribution, with correlations and unbounded tails. Hidden layers that are
    normalised lack both at first, and spend most of a training on them; see `start`.
    """

    def __init__(self, hidden: nn.Module, n_inputs: int, n_hidden: int, n_outputs: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.head, self.skip = Linear(n_hidden, n_outputs), Linear(n_inputs, n_outputs)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(self.hidden(x)) + self.skip(x)
        return y

    @torch.no_grad()
    def start(self, rows: Tensor, n_numbers: int, weight: Tensor, conditions: Tensor) -> None:
        """Let the linear map start as the best there is for tables.

        Numbers have the mean and the covariance of the rows, or their means under conditions and the covariance around
        these; of more than a thousand only the means. Categories have their frequencies.

        Parameters
        ----------
        rows : Tensor of shape (n_samples, n_outputs)
            The training data, numbers first.
        n_numbers : int
        weight : Tensor of shape (n_samples,)
        conditions : Tensor of shape (n_samples, n_levels)
            The last inputs; without columns if there are none.
        """
        share = (weight / weight.sum()).double()[:, None]
        x, given = rows.double(), conditions.double()
        mean, usual = (share * x).sum(dim=0), (share * given).sum(dim=0)
        x, given = x[:, :n_numbers] - mean[:n_numbers], given - usual
        ridge = _SHRINKAGE * torch.eye(given.shape[1], dtype=x.dtype, device=x.device)
        shift = torch.linalg.solve(given.T @ (share * given) + ridge, given.T @ (share * x))  # (n_levels, n_numbers)
        for parameter in self.skip.parameters():
            parameter.zero_()
        self.skip.bias[:n_numbers] = mean[:n_numbers] - usual @ shift
        self.skip.bias[n_numbers:] = mean[n_numbers:].clamp(min=_SHRINKAGE).log()
        n_noise = self.skip.in_features - given.shape[1]
        self.skip.weight[:n_numbers, n_noise:] = shift.T
        self.head.weight.mul_(_HEAD)
        self.head.bias.zero_()
        if 0 < n_numbers <= _MOST_LINEAR:
            left = x - given @ shift
            variances, axes = torch.linalg.eigh(left.T @ (share * left))
            k = min(n_numbers, n_noise)
            self.skip.weight[:n_numbers, :k] = (axes * variances.clamp(min=0).sqrt())[:, n_numbers - k :]


class Critic(nn.Module):
    """Values packs of rows: real ones high, generated ones low.

    Parameters
    ----------
    pack_size : int
        Number of rows of a pack, which are seen together (Lin et al. 2018, section 3).
    body : nn.Module
        Maps packs, flattened to (n_packs, n_inputs), to features.
    n_features : int
    """

    def __init__(self, pack_size: int, body: nn.Module, n_features: int) -> None:
        super().__init__()
        self.pack_size, self.body, self.n_features = pack_size, body, n_features
        self.head = Linear(n_features, 1)

    def features(self, x: Tensor, conditions: Tensor) -> Tensor:
        """Map packs, (n_packs, pack_size, width) and (n_packs, pack_size, n_levels), to (n_packs, n_features)."""
        features: Tensor = self.body(torch.cat([x.flatten(1), conditions.flatten(1)], dim=1))
        return features

    def forward(self, x: Tensor, conditions: Tensor) -> Tensor:
        """Return the value of each pack, shape (n_packs,)."""
        values: Tensor = self.head(self.features(x, conditions))[:, 0]
        return values


class ConvolutionalBody(nn.Module):
    """The body of a critic of images: those of a pack are the channels of one image.

    Parameters
    ----------
    encoder : ConvolutionalEncoder
        Of images that have the channels of all images of a pack.
    pack_size : int
    activation : nn.Module
        Follows the encoder, whose last layer is linear.
    dense : nn.Module
        Maps the encoder's output and the conditions to features.
    n_code, n_conditions : int
        Length of the encoder's output, and of the conditions of a pack. Conditions also multiply the output, as in a
        projection (Miyato and Koyama 2018): a sum alone does not see for long whether image and condition agree.
    """

    def __init__(
        self,
        encoder: ConvolutionalEncoder,
        pack_size: int,
        activation: nn.Module,
        dense: nn.Module,
        n_code: int,
        n_conditions: int,
    ) -> None:
        super().__init__()
        self.encoder, self.pack_size, self.activation, self.dense = encoder, pack_size, activation, dense
        self.gate = Linear(n_conditions, n_code) if n_conditions else None
        if self.gate is not None:
            nn.init.normal_(self.gate.weight)

    def forward(self, packs: Tensor) -> Tensor:
        height, width, channels = self.encoder.grid
        n_pixels = height * width * channels
        images = packs[:, :n_pixels].view(len(packs), self.pack_size, height, width, channels // self.pack_size)
        code = self.activation(self.encoder(images.movedim(1, 3).reshape(len(packs), n_pixels)))
        conditions = packs[:, n_pixels:]
        if self.gate is not None:
            code = code * (1 + self.gate(conditions))
        features: Tensor = self.dense(torch.cat([code, conditions], dim=1))
        return features


class Adversaries(nn.Module):
    """A generator, its critic, and the generator with averaged weights, which samples are drawn from.

    Parameters
    ----------
    generator, critic : nn.Module
    fields : Fields
        What a row consists of.
    n_components : int
        Number of noise components.
    rows : Tensor of shape (n_samples, n_features)
        The training data as they were read.
    weight : Tensor of shape (n_samples,) or None
    conditions : Tensor of shape (n_samples, n_levels)
        One-hot conditions; without columns if there are none.
    bounded : bool
        Whether rows are images, which are scaled to [-1, 1].

    Attributes
    ----------
    averaged : nn.Module
        The generator with weights averaged over the steps; they are buffers, as other statistics of a training are.
    n_averaged : Tensor
        Number of steps so far.
    """

    low: Tensor
    high: Tensor
    shares: Tensor
    column: Tensor
    centre: Tensor
    n_averaged: Tensor

    def __init__(
        self,
        generator: Generator,
        critic: Critic,
        fields: Fields,
        n_components: int,
        rows: Tensor,
        weight: Tensor | None,
        conditions: Tensor,
        *,
        bounded: bool,
    ) -> None:
        super().__init__()
        self.generator, self.critic, self.fields = generator, critic, fields
        self.n_components, self.bounded = n_components, bounded
        self.averaged = frozen_copy(generator)
        self.register_buffer("n_averaged", torch.zeros((), dtype=torch.int64))
        self.draws = Draws()
        self.choices = choices(fields, conditions.shape[1])
        share = rows.new_full((len(rows),), 1 / len(rows)) if weight is None else weight / weight.sum()
        present = rows if weight is None else rows[weight > 0]
        self.register_buffer("low", present.min())
        self.register_buffer("high", present.max())
        encoded = self.encoded(rows)
        at = [column for start, stop in self.choices for column in range(start, stop)]
        numbers = [number for number, (start, stop) in enumerate(self.choices) for _ in range(start, stop)]
        self.register_buffer("column", torch.tensor(numbers, dtype=torch.int64))  # which column a level belongs to
        self.register_buffer("shares", share @ encoded[:, at] / max(len(self.choices), 1))
        means = self.shares if self.choices else share @ conditions
        self.register_buffer("centre", torch.cat([share @ encoded, means]))

    # --- Rows ------------------------------------------------------------------------------------------------------

    def encoded(self, x: Tensor) -> Tensor:
        """Return rows as the critic reads them: images are scaled to [-1, 1]."""
        if not self.bounded:
            return x
        span = self.high - self.low
        return (x - self.low) * torch.where(span > 0, 2 / span, 0.0) - 1

    def near(self, x: Tensor) -> Tensor:
        """Return encoded rows, those that lie far off at a bound whose square is finite."""
        return self.encoded(x).clamp(-_FARTHEST, _FARTHEST)

    def decoded(self, output: Tensor) -> Tensor:
        """Return numbers as they were read."""
        if not self.bounded:
            return output
        return (self.low + (output + 1) / 2 * (self.high - self.low)).clamp(self.low, self.high)

    def levels(self, x: Tensor) -> Tensor:
        """Return the one-hot places of the columns that a condition is chosen among, shape (batch, n_levels)."""
        return torch.cat([x[:, start:stop] for start, stop in self.choices], dim=1)

    def condition_on(self, x: Tensor, conditions: Tensor) -> Tensor:
        """Return the conditions under which rows are learned.

        Without conditions of their own it is, for each row, the category of one categorical column that is drawn at
        random (Xu et al. 2019, section 4.3).
        """
        if not self.choices:
            return conditions
        chosen = (self.draws.uniform(x, len(x)) * len(self.choices)).long().clamp_(max=len(self.choices) - 1)
        return self.levels(x) * (self.column == chosen[:, None])

    def drawn_conditions(self, n: int, rng: np.random.RandomState) -> np.ndarray:
        """Draw conditions as `condition_on` has them, with the frequencies of the training data."""
        shares = self.shares.double().numpy(force=True)
        return np.eye(len(shares))[rng.choice(len(shares), size=n, p=shares / shares.sum())]

    # --- Generating ------------------------------------------------------------------------------------------------

    def softened(self, output: Tensor, temperature: float) -> Tensor:
        """Draw categories by Gumbel softmax (Jang, Gu and Poole 2017, equation 2), which has a gradient."""
        blocks, n = self.fields.blocks, self.fields.n_numbers
        if not blocks:
            return output
        noisy = (output[:, n:] + self.draws.gumbel(output[:, n:])) / temperature
        parts = [noisy[:, block.start - n : block.stop - n].softmax(dim=1) for block in blocks]
        return torch.cat([output[:, :n], *parts], dim=1)

    def hardened(self, output: Tensor, gumbel: Tensor) -> Tensor:
        """Draw categories by the greatest sum of logit and noise, as one-hot blocks."""
        n = self.fields.n_numbers
        noisy = output[:, n:] + gumbel
        parts = [
            F.one_hot(part.argmax(dim=1), part.shape[1]).to(output)
            for block in self.fields.blocks
            for part in [noisy[:, block.start - n : block.stop - n]]
        ]
        return torch.cat([output[:, :n], *parts], dim=1)

    def disobedience(self, output: Tensor, conditions: Tensor) -> Tensor:
        """Return, for each row, the cross-entropy of the category that its condition asked for."""
        logs = [output[:, start:stop].log_softmax(dim=1) for start, stop in self.choices]
        return -(conditions * torch.cat(logs, dim=1)).sum(dim=1)

    def sampled(self, batch: ConditionedBatch, rng: np.random.RandomState) -> Tensor:
        """Return rows as the critic reads them, drawn for a batch of noise and conditions."""
        output: Tensor = self.averaged(*batch).to(batch.x.dtype)
        size = (len(output), self.fields.width - self.fields.n_numbers)
        return self.hardened(output, torch.as_tensor(rng.gumbel(size=size)).to(output))

    # --- Looking at rows -------------------------------------------------------------------------------------------

    def alone(self, x: Tensor, conditions: Tensor) -> tuple[Tensor, Tensor]:
        """Return packs of one row each whose other places hold the mean of the training data."""
        x = self.near(x)
        packs = self.centre.repeat(len(x), self.critic.pack_size, 1)
        packs[:, 0] = torch.cat([x, self.levels(x) / len(self.choices) if self.choices else conditions], dim=1)
        return packs[..., : x.shape[1]], packs[..., x.shape[1] :]

    def features(self, x: Tensor) -> Tensor:
        """Return the critic's features of single rows under mean conditions, shape (batch, n_features)."""
        return self.critic.features(*self.alone(x, self.centre[x.shape[1] :].expand(len(x), -1)))

    def forward(self, batch: ConditionedBatch) -> Tensor:
        """Return the critic's value of single rows, shape (batch,)."""
        values: Tensor = self.critic(*self.alone(*batch))
        return values

    # --- Averaging -------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def average(self, decay: float, n_done: int) -> None:
        """Take the generator's current weights into the average.

        A weight that is s steps old counts in proportion to ``decay**s``. In the beginning, the average forgets faster:
        it reaches back over about a tenth of the steps so far, and has nothing of the random start.
        """
        rate = max(1 - decay, _REACH / (_REACH + n_done)) if decay else 1.0
        torch._foreach_lerp_(list(self.averaged.buffers()), list(self.generator.parameters()), rate)
        self.n_averaged += 1


def frozen_copy(module: nn.Module) -> Any:
    """Return a copy of a module whose parameters are buffers."""
    new = copy.deepcopy(module)
    for part in new.modules():
        for name, parameter in list(part.named_parameters(recurse=False)):
            delattr(part, name)
            part.register_buffer(name, parameter.detach().clone())
    return new


def choices(fields: Fields, n_conditions: int) -> list[tuple[int, int]]:
    """Return start and stop of the categorical columns that a condition is chosen among.

    There are none where rows have conditions of their own: a category that is drawn beside them would not follow its
    distribution under them.
    """
    return [] if n_conditions else [(block.start, block.stop) for block in fields.blocks if block.number is None]


def adversaries_of(p: Bunch, fields: Fields, rows: Tensor, weight: Tensor | None, conditions: Tensor) -> Adversaries:
    """Build generator and critic from hyper-parameters `p`."""
    hidden = layer_widths(p.hidden_layer_sizes)
    n_levels = conditions.shape[1] or sum(stop - start for start, stop in choices(fields, 0))
    n_codes = p.n_components + n_levels
    build = convolutional_bodies if p.architecture == "conv" else dense_bodies
    generating, judging, n_features = build(p, hidden, n_codes, fields.width, n_levels)
    bounded = p.image_shape is not None
    if isinstance(generating, Skipped) and not bounded:
        known = conditions if conditions.shape[1] else rows.new_zeros((len(rows), n_levels))
        generating.start(rows, fields.n_numbers, torch.ones_like(rows[:, 0]) if weight is None else weight, known)
    generator = Generator(generating, bounded=bounded)
    critic = Critic(p.pack_size, judging, n_features)
    return Adversaries(generator, critic, fields, p.n_components, rows, weight, conditions, bounded=bounded)


def dense_bodies(
    p: Bunch, hidden: Sequence[int], n_codes: int, width: int, n_levels: int
) -> tuple[nn.Module, nn.Module, int]:
    """Return the bodies of generator and critic, and the number of the critic's features."""
    pairs = zip((n_codes, *hidden), hidden, strict=False)
    blocks: list[nn.Module] = [NormalizedBlock(n_in, n_out, p.activation) for n_in, n_out in pairs]
    generating = Skipped(nn.Sequential(*blocks), n_codes, (n_codes, *hidden)[-1], width)
    widths = (p.pack_size * (width + n_levels), *hidden)
    return generating, dense_stack(linear_layers(widths), p.activation, activate_last=True), widths[-1]


def convolutional_bodies(
    p: Bunch, hidden: Sequence[int], n_codes: int, width: int, n_levels: int
) -> tuple[nn.Module, nn.Module, int]:
    """Return the bodies of generator and critic of images, and the number of the critic's features.

    Raises
    ------
    ValueError
        If there is no `image_shape`, or no hidden layer.
    """
    check_image_shape(p.image_shape)
    if not hidden:
        raise ValueError("architecture='conv' needs a dense layer after the convolutions, got hidden_layer_sizes=()")
    grid = image_grid(tuple(p.image_shape), width)
    layers = convolution_layers(p.conv_layers, image_layers(min(grid[:2])))
    mirrored = ConvolutionalEncoder(layers, grid, hidden, p.activation, 0.0)
    generating = ConvolutionalDecoder(mirrored, layers, (*hidden, n_codes), p.activation, 0.0)
    widths = (n_codes, *hidden[::-1], mirrored.n_places)
    generating.dense = nn.Sequential(
        *(NormalizedBlock(n_in, n_out, p.activation) for n_in, n_out in itertools.pairwise(widths))
    )
    packed = (*grid[:2], grid[2] * p.pack_size)
    encoder = ConvolutionalEncoder(layers, packed, hidden[:1], p.activation, 0.0)
    dense = dense_stack(linear_layers((hidden[0] + p.pack_size * n_levels, *hidden)), p.activation, activate_last=True)
    n_conditions = p.pack_size * n_levels
    body = ConvolutionalBody(encoder, p.pack_size, activation_layer(p.activation), dense, hidden[0], n_conditions)
    return generating, body, hidden[-1]
