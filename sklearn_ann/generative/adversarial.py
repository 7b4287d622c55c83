"""How adversaries learn from a batch: the critic to tell real rows from generated ones, the generator to please it."""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer

from sklearn_ann.generative.adversaries import Adversaries, cumulated
from sklearn_ann.generative.energy import energy_distance
from sklearn_ann.training import Error, Settings, Step
from sklearn_ann.training.data import Batch, Examples
from sklearn_ann.training.device import autocast
from sklearn_ann.training.step import batch_device

AdversarialLoss = Literal["wasserstein", "minimax"]

# The memory of the first moment would still point at where the opponent was (Gulrajani et al. 2017, algorithm 1).
_BETAS = (0.0, 0.9)
_CRITIC, _GENERATOR = 0, 1
_TEMPERATURE = 0.2  # of Gumbel softmax, as in CTGAN (Xu et al. 2019, section 4.4)
_GENERATED = 512  # rows beside each batch of held-out rows, at least


class Rules(NamedTuple):
    """The rules of the game; each is the hyper-parameter of the same name."""

    loss: AdversarialLoss
    n_critic_steps: int
    gradient_penalty: float
    averaging: float


class Judgement(NamedTuple):
    """What a critic has said of real and of generated packs, as losses of the critic and of the generator."""

    of_critic: Tensor
    of_generator: Tensor
    distance: Tensor


def wasserstein(real: Tensor, fake: Tensor) -> Judgement:
    """Judge by mean values, whose difference estimates a Wasserstein distance (Arjovsky et al. 2017, equation 2)."""
    difference = real.mean() - fake.mean()
    return Judgement(-difference, -fake.mean(), difference)


def minimax(real: Tensor, fake: Tensor) -> Judgement:
    """Judge by log-odds of being real (Goodfellow et al. 2014, equation 1); the generator's loss does not saturate.

    The distance is the critic's estimate of the Jensen-Shannon divergence in nats (theorem 1).
    """
    of_critic = F.softplus(-real).mean() + F.softplus(fake).mean()
    return Judgement(of_critic, F.softplus(-fake).mean(), math.log(2) - of_critic / 2)


_JUDGES = {"wasserstein": wasserstein, "minimax": minimax}


class AdversarialStep(Step):
    """Some steps of the critic, one of the generator, and one of the average of the generator's weights.

    Parameters
    ----------
    module : Adversaries
    error, settings
        See `Step`; the error is for others who look at the critic's values.
    rules : Rules
    watched : bool
        Whether there are held-out rows, whose distance to generated ones says how good the generator is.
    """

    module: Adversaries

    def __init__(self, module: nn.Module, error: Error, settings: Settings, rules: Rules, *, watched: bool) -> None:
        super().__init__(module, error, settings)
        self.rules, self.watched = rules, watched
        self.n_done = 0

    @property
    def concludes(self) -> bool:  # type: ignore[override]
        """Losses of adversaries say little, a distance to held-out rows says something."""
        return self.watched or self.settings.learning_rate_schedule == "adaptive"

    def make_optimizers(self) -> list[Optimizer]:
        """Return the optimisers of critic and generator."""
        optimizers = [self.optimizer_of(part.parameters()) for part in (self.module.critic, self.module.generator)]
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["betas"] = _BETAS
        return optimizers

    def undivided(self, examples: Examples[Any]) -> str:
        """Return why one process trains both networks."""
        return "its two networks judge each other by whole batches"

    def switch(self, training: bool) -> None:
        """Switch the module; read how many steps it has made, which would take too long before each step."""
        super().switch(training)
        self.n_done = int(self.module.n_averaged)

    def train(self, batch: Batch) -> dict[str, Tensor]:
        """Learn from a batch; return sums of the losses of critic and generator and of the critic's distance."""
        module, x = self.module, self.module.encoded(batch.samples.x)
        # A batch of heavy rows counts for more; the rows in it are drawn by their weights.
        heft = torch.ones_like(x[0, 0]) if batch.weight is None else batch.weight.mean()
        rounds = [self._criticise(x, batch, heft) for _ in range(self.rules.n_critic_steps)]
        sums = {name: torch.stack([each[name] for each in rounds]).mean() for name in rounds[0]}
        sums |= self._generate(x, batch, heft)
        module.average(self.rules.averaging, self.n_done)
        self.n_done += 1
        return {name: value.detach() * batch.size for name, value in sums.items()}

    def validate(self, batch: Batch) -> dict[str, Tensor]:
        """Return the energy distance between the batch and rows of the averaged generator."""
        module, x = self.module, self.module.near(batch.samples.x)
        rows = module.draws.rows(len(x), max(len(x), _GENERATED), batch.weight, x)
        conditions = batch.samples.conditions[rows]
        noise = module.draws.normal(x, len(rows), module.n_components)
        if module.choices:
            drawn = torch.searchsorted(cumulated(module.shares), module.draws.uniform(x, len(rows)))
            conditions = F.one_hot(drawn.clamp_(max=len(module.shares) - 1), len(module.shares)).to(x)
        output = self._run(module.averaged, noise, conditions)
        generated = module.hardened(output, module.draws.gumbel(output[:, module.fields.n_numbers :]))
        if not module.choices:
            x, generated = torch.cat([x, batch.samples.conditions], 1), torch.cat([generated, conditions], 1)
        distance = energy_distance(x, generated, batch.weight)
        return {"loss": distance * (batch.size if batch.weight is None else batch.weight.sum())}

    # --- One step each ---------------------------------------------------------------------------------------------

    def _criticise(self, x: Tensor, batch: Batch, heft: Tensor) -> dict[str, Tensor]:
        real, conditions = self._drawn(x, batch)
        with torch.no_grad():
            fake, _ = self._generated(real, conditions)
        critic, given = self.module.critic, self._packed(conditions)
        real, fake = self._packed(real), self._packed(fake)
        values = self._run(critic, torch.cat([real, fake]), torch.cat([given, given]))
        judgement = _JUDGES[self.rules.loss](*values.chunk(2))
        loss = judgement.of_critic
        if self.rules.gradient_penalty:
            loss = loss + self.rules.gradient_penalty * self._steepness(real, fake, given)
        self._move(_CRITIC, heft * loss)
        return {"loss": loss, "distance": judgement.distance}

    def _generate(self, x: Tensor, batch: Batch, heft: Tensor) -> dict[str, Tensor]:
        real, conditions = self._drawn(x, batch)
        fake, output = self._generated(real, conditions)
        values = self._run(self.module.critic, self._packed(fake), self._packed(conditions))
        loss = of_generator = _JUDGES[self.rules.loss](values, values).of_generator
        sums = {"generator_loss": of_generator}
        if self.module.choices:
            sums["condition_loss"] = self.module.disobedience(output, conditions).mean()
            loss = loss + sums["condition_loss"]
        self._move(_GENERATOR, heft * loss)
        return sums

    def _drawn(self, x: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the rows of the batch in the order of new packs, and their conditions; the last pack is filled up."""
        pack = self.module.critic.pack_size
        rows = self.module.draws.rows(len(x), -(-len(x) // pack) * pack, batch.weight, x)
        x = x.index_select(0, rows)
        return x, self.module.condition_on(x, batch.samples.conditions.index_select(0, rows))

    def _generated(self, like: Tensor, conditions: Tensor) -> tuple[Tensor, Tensor]:
        """Return generated rows as the critic reads them, and the generator's output."""
        noise = self.module.draws.normal(like, len(like), self.module.n_components)
        output = self._run(self.module.generator, noise, conditions)
        return self.module.softened(output, _TEMPERATURE), output

    def _packed(self, rows: Tensor) -> Tensor:
        pack = self.module.critic.pack_size
        return rows.view(len(rows) // pack, pack, rows.shape[1])

    def _steepness(self, real: Tensor, fake: Tensor, given: Tensor) -> Tensor:
        """Return the mean squared difference between one and the norm of the critic's gradient.

        It is taken between real and generated packs (Gulrajani et al. 2017, equation 3).
        """
        part = self.module.draws.uniform(real, len(real), 1, 1)
        between = torch.lerp(real, fake, part).requires_grad_()
        values = self._run(self.module.critic, between, given)
        (slope,) = torch.autograd.grad(values.sum(), between, create_graph=True)
        return (slope.flatten(1).square().sum(dim=1).add(1e-12).sqrt() - 1).square().mean()

    def _run(self, network: nn.Module, *inputs: Tensor) -> Tensor:
        """Run a network with the precision of the settings; return its output in the type of its inputs."""
        with autocast(batch_device(self.module), self.settings.precision):
            output: Tensor = network(*inputs)
        return output.to(inputs[0].dtype)

    def _move(self, number: int, loss: Tensor) -> None:
        trained = self.trained[number]
        for parameter in trained:
            parameter.grad = None
        loss.backward(inputs=trained)
        if self.settings.max_grad_norm is not None:
            self.clip([number], self.settings.max_grad_norm)
        self.optimizers[number].step()


def unlikeness(values: Any, _: Any) -> Tensor:
    """Return the error of a row: how low the critic values it."""
    loss: Tensor = -values
    return loss
