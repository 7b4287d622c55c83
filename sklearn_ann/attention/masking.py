"""The network of masked-letter training: an encoder of tokens that must name the letters it does not see."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sklearn_ann import training
from sklearn_ann.attention.tokens import TokenBody
from sklearn_ann.attention.windows import WindowBatch
from sklearn_ann.layers import Linear, Stochastic, inside, uniform
from sklearn_ann.reading import LetterBatch

MASKED, RANDOM = 0.8, 0.1
"""Shares of the chosen letters that are masked, and that are replaced; the others stay (Devlin et al. 2019, 3.1)."""
_SEED = 0  # of what is masked in validation


def random_windows(
    codes: Tensor, lengths: Tensor | None, size: int, uniform: Callable[[Tensor], Tensor]
) -> tuple[Tensor, Tensor | None]:
    """Cut a window of `size` letters at a random place out of each longer sequence.

    Parameters
    ----------
    codes : Tensor of shape (batch, length)
    lengths : int64 Tensor of shape (batch,) or None
        Lengths of the sequences; None if all of them fill the tensor.
    size : int
    uniform : callable
        Fills a tensor, whose rows belong to the sequences, with random numbers from [0, 1).

    Returns
    -------
    codes : Tensor of shape (batch, size), or as it was if all sequences are as long and no longer
    lengths : int64 Tensor of shape (batch,) or None
    """
    longest = codes.shape[1]
    if lengths is None and longest <= size:
        return codes, lengths
    chance = uniform(torch.empty(len(codes), 1, dtype=torch.float64, device=codes.device))
    room = (torch.full_like(chance, longest) if lengths is None else lengths[:, None]) - size + 1
    begin = (chance * room.clamp(min=1)).long()
    position = begin + torch.arange(size, device=codes.device)
    cut = codes.gather(1, position.clamp(max=longest - 1))
    return cut, None if lengths is None else lengths.clamp(max=size)


def random_places(eligible: Tensor, share: float, uniform: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    """Choose a share of the eligible letters of each sequence at random, at least one of them where there are any.

    Parameters
    ----------
    eligible : bool Tensor of shape (batch, length)
    share : float
    uniform : callable
        See `random_windows`.

    Returns
    -------
    places : int64 Tensor of shape (batch, n_places)
        Positions of the letters, all different; the last ones of a row may not be chosen.
    chosen : bool Tensor of shape (batch, n_places)
        Which of them are.
    """
    order = uniform(torch.empty(eligible.shape, dtype=torch.float32, device=eligible.device))
    count = eligible.sum(dim=1)
    number = torch.minimum((share * count).round().long().clamp(min=1), count)
    most = max(1, int(number.max()))
    places = order.masked_fill(~eligible, 2.0).topk(most, dim=1, largest=False).indices
    return places, torch.arange(most, device=eligible.device) < number[:, None]


def in_full(logits: Tensor) -> Tensor:
    """Return logits in float32 at least."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


class MaskedNetwork(Stochastic):
    """An encoder of tokens, the vector of a masked letter, and a linear map of states to logits of letters.

    Parameters
    ----------
    body : TokenBody
    window : int
        Greatest number of letters that it reads at a time.
    share : float
        Share of the letters that training chooses.
    """

    steady = True

    def __init__(self, body: TokenBody, window: int, share: float) -> None:
        super().__init__()
        self.body, self.window, self.share = body, window, share
        width, self.n_letters, k = body.embedding.shape
        self.mask_code = len(body.rows)
        self.mask = nn.Parameter(torch.empty(width, 1, k))
        nn.init.normal_(self.mask, std=k**-0.5)
        self.head = Linear(width, self.n_letters)

    def forward(self, batch: LetterBatch | WindowBatch) -> Tensor:
        """Return the mean error of the chosen letters of each sequence, and the share named right: (2, batch).

        In evaluation all chosen letters are masked, and the same ones each time.
        """
        codes, lengths = batch.codes, batch.lengths
        generator = None if self.training else torch.Generator(codes.device).manual_seed(_SEED)
        draw = partial(self.drawn, fill=uniform, generator=generator)
        if self._longest(codes) > self.window:
            codes, lengths = random_windows(codes, lengths, self.window, draw)
        eligible = codes < self.n_letters  # a letter that may be several is no answer
        if lengths is not None:
            eligible = eligible & inside(lengths, codes.shape[1])
        places, chosen = random_places(eligible, self.share, draw)  # (batch, n_places) each
        answer = codes.gather(1, places).long().clamp(max=self.n_letters - 1)
        shown = self._shown(codes, places, chosen, draw)
        states = self.states(shown, lengths)
        logits = self.head(states.gather(1, places[:, :, None].expand(-1, -1, states.shape[2])))
        errors = F.cross_entropy(in_full(logits).transpose(1, 2), answer, reduction="none")
        found = torch.stack([errors, (logits.argmax(dim=2) == answer).to(errors.dtype)]) * chosen
        return found.sum(dim=2) / chosen.sum(dim=1).clamp(min=1)

    def _longest(self, codes: Tensor) -> int:
        """Return the greatest length in the batch, of which other processes may have the longer sequences."""
        longest = codes.shape[1]
        if self.division is not None:
            longest = int(self.division.gather(torch.tensor([longest], device=codes.device)).max())
        return longest

    def _shown(self, codes: Tensor, places: Tensor, chosen: Tensor, uniform: Callable[[Tensor], Tensor]) -> Tensor:
        """Return the sequences with chosen letters masked, replaced or left as they are."""
        kept = codes.gather(1, places)
        masked = torch.full_like(kept, self.mask_code)
        if self.training:
            chance, other = (
                uniform(torch.empty(kept.shape, dtype=torch.float32, device=codes.device)) for _ in range(2)
            )
            replaced = (other * self.n_letters).to(codes.dtype)
            masked = torch.where(chance < MASKED, masked, torch.where(chance < MASKED + RANDOM, replaced, kept))
        return codes.scatter(1, places, torch.where(chosen, masked, kept))

    def states(self, codes: Tensor, lengths: Tensor | None) -> Tensor:
        """Return the state of each letter, shape (batch, length, width); `mask_code` stands for masked ones."""
        return self.body.of_letters(self.body.states(self.body.vectors(codes, lengths, self.mask), lengths))

    def log_probabilities(self, states: Tensor) -> Tensor:
        """Map states to logarithms of probabilities of the letters, shape (..., n_letters)."""
        return torch.log_softmax(in_full(self.head(states)), dim=-1)

    # --- What predictions ask of a batch of windows ----------------------------------------------------------------

    def features(self, batch: WindowBatch) -> Tensor:
        """Return pooled states, shape (batch, width): a mean is taken over the letters that are asked for."""
        body = self.body
        x = body.vectors(batch.codes, batch.lengths)
        states = body.states(x, batch.lengths, pooled_only=True)
        if body.cls is not None:
            return body.pooled(states, batch.lengths)
        place = torch.arange(states.shape[1], device=states.device)
        asked = (place >= batch.first[:, None]) & (place < batch.last[:, None])
        return (states * asked[:, :, None]).sum(dim=1) / asked.sum(dim=1, keepdim=True)

    def states_asked(self, batch: WindowBatch) -> list[Tensor]:
        """Return the states of the letters that are asked for, a tensor of shape (n_asked, width) for each window."""
        states = self.states(batch.codes, batch.lengths)
        bounds = zip(batch.first.tolist(), batch.last.tolist(), strict=True)
        return [one[first:last] for one, (first, last) in zip(states, bounds, strict=True)]

    def letters_asked(self, batch: WindowBatch) -> list[Tensor]:
        """Return logarithms of probabilities of the letters that are asked for, as `states_asked`."""
        return [self.log_probabilities(states) for states in self.states_asked(batch)]

    def masked_in_turn(self, batch: WindowBatch) -> tuple[Tensor, Tensor]:
        """Mask the first letter that is asked for in each window.

        Returns
        -------
        letters : Tensor of shape (batch, n_letters)
            Logarithms of the probabilities of the letters in its place.
        own : Tensor of shape (batch,)
            The same of the letter that was there; of an ambiguous one, that one of its letters is there.
        """
        place = batch.first[:, None]
        code = batch.codes.gather(1, place)[:, 0]
        states = self.states(batch.codes.scatter(1, place, self.mask_code), batch.lengths)
        letters = self.log_probabilities(states[torch.arange(len(states), device=states.device), batch.first])
        members = self.body.rows.index_select(0, code.int()) > 0  # (batch, n_letters)
        return letters, letters.masked_fill(~members, -torch.inf).logsumexp(dim=1)


class MaskedStep(training.Step):
    """Descends the error of masked letters, and records the share of them that are named right."""

    def __init__(self, module: nn.Module, error: training.Error, settings: training.Settings) -> None:
        super().__init__(module, error, settings)
        self._right: Tensor | None = None  # of the batch at hand

    def losses(self, batch: training.Batch) -> Tensor:
        """Return the error of each sample, and note the share that is named right."""
        losses, self._right = super().losses(batch).unbind()
        self._right = self._right.detach()
        return losses

    def train(self, batch: training.Batch) -> dict[str, Tensor]:
        """Learn from a batch; return sums of errors and of shares."""
        return super().train(batch) | self._accuracy(batch)

    def validate(self, batch: training.Batch) -> dict[str, Tensor]:
        """Return sums of errors and of shares."""
        return super().validate(batch) | self._accuracy(batch)

    def _accuracy(self, batch: training.Batch) -> dict[str, Tensor]:
        right, self._right = self._right, None
        assert right is not None
        return {"accuracy": right.sum() if batch.weight is None else right @ batch.weight}
