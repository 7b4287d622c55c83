"""The step of the engine, and what may be exchanged in it: shown by networks that exist for these tests alone."""

import copy

import numpy as np
import pytest
import torch
from leaves import DenseClassifier, DenseRegressor
from sklearn.datasets import load_iris, make_regression
from sklearn.preprocessing import scale
from torch import nn
from torch.nn import functional as F

from sklearn_ann import training
from sklearn_ann.base import NeuralEstimator, Targets
from sklearn_ann.layers import BatchNorm, Dropout, ragged_positions
from sklearn_ann.training import Step
from sklearn_ann.training.step import frozen_parts

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return scale(X), y


# --- Two optimisers --------------------------------------------------------------------------------------------------


class TwoOptimizers(Step):
    """One optimiser for the body and one, ten times as fast, for the head; they take turns."""

    def make_optimizers(self):
        head = self.optimizer_of(self.module.head.parameters())
        head.param_groups[0]["lr"] *= 10
        return [self.optimizer_of(self.module.body.parameters()), head]

    def train(self, batch):
        first = self.descend(self.losses(batch), batch, [0])
        second = self.descend(self.losses(batch), batch, [1])
        return {"loss": first, "head_loss": second}


class TwoOptimizerClassifier(DenseClassifier):
    """A dense classifier that is trained by two optimisers."""

    def _step(self, plan, module, error):
        return TwoOptimizers(module, error, plan.settings)


def test_schedule_clipping_and_history_reach_every_optimizer(iris):
    X, y = iris
    settings = {"max_epochs": 8, "learning_rate_schedule": "cosine", "batch_size": None, "random_state": 0}
    model = TwoOptimizerClassifier(**settings).fit(X, y)
    body, head = model._learner.optimizers
    factor = 0.5 * (1 + np.cos(np.pi * 7 / 8))  # of the last epoch
    assert body.param_groups[0]["lr"] == pytest.approx(1e-3 * factor)
    assert head.param_groups[0]["lr"] == pytest.approx(1e-2 * factor)
    assert len(model.history_["head_loss"]) == 8
    assert model.history_["head_loss"][0] < model.history_["loss"][0]  # the body has made a step before
    for settings["max_grad_norm"] in (None, 1e-12):
        start = TwoOptimizerClassifier(**settings | {"max_epochs": 1, "learning_rate": 1e-12}).fit(X, y)
        moved = TwoOptimizerClassifier(**settings | {"max_epochs": 1}).fit(X, y)
        for name in ("body", "head"):
            pairs = zip(*(getattr(m.module_, name).parameters() for m in (start, moved)), strict=True)
            step = max(float((a - b).abs().max().detach()) for a, b in pairs)
            assert (step < 1e-6) == (settings["max_grad_norm"] is not None)


def test_every_optimizer_goes_on_and_is_pickled(iris):
    import pickle

    X, y = iris
    model = TwoOptimizerClassifier(max_epochs=3, random_state=0).fit(X, y)
    loaded = pickle.loads(pickle.dumps(model))
    for one in (model, loaded):
        one.set_params(learning_rate=1e-4).partial_fit(X, y)
    assert torch.equal(model.module_.head.weight, loaded.module_.head.weight)
    assert len(model._learner.optimizers[1].state) == 2


# --- Nothing is concluded from the loss ------------------------------------------------------------------------------


class Undecided(Step):
    """A step whose loss says nothing about how well it learns, such as that of adversaries."""

    concludes = False


class UndecidedClassifier(DenseClassifier):
    """A classifier that does not conclude from its loss."""

    def _step(self, plan, module, error):
        return Undecided(module, error, plan.settings)


def test_without_conclusions_all_epochs_run_and_the_last_weights_stay(iris, recwarn):
    X, y = iris
    settings = {"max_epochs": 9, "tol": 0.99, "n_iter_no_change": 1, "learning_rate": 0.3, "random_state": 0}
    model = UndecidedClassifier(**settings, learning_rate_schedule="adaptive")
    model.fit(X[:100], y[:100], X_val=X[100:], y_val=y[100:] * 0)
    assert model.n_iter_ == model.best_epoch_ == 9
    assert set(model.history_["learning_rate"]) == {0.3}
    assert DenseClassifier(**settings).fit(X, y).n_iter_ < 9
    assert not [w for w in recwarn if "still falling" in str(w.message)]


# --- A frozen body ---------------------------------------------------------------------------------------------------


class FrozenBodyClassifier(DenseClassifier):
    """A classifier whose body, with normalisation and dropout, is not trained."""

    def _body(self, plan):
        n = plan.reader.columns.number
        body = nn.Sequential(BatchNorm(n, affine=False), nn.Linear(n, 8), BatchNorm(8), nn.ReLU(), Dropout(0.5))
        return body.requires_grad_(False), 8


@pytest.mark.parametrize("weight_decay", [0.0, 0.5])
def test_what_is_frozen_stays_bit_equal_through_a_fit(iris, weight_decay):
    X, y = iris
    settings = {"max_epochs": 5, "weight_decay": weight_decay, "random_state": 0}
    start = FrozenBodyClassifier(**settings | {"learning_rate": 1e-12}).fit(X, y)
    model = FrozenBodyClassifier(**settings).fit(X, y)
    before, after = (copy.deepcopy(m.module_.state_dict()) for m in (start, model))
    for name, value in after.items():
        assert torch.equal(value, before[name]) == name.startswith("body."), name
    assert float(after["body.2.running_mean"].abs().max()) == 0.0  # as it was made
    modes = []
    with nn.modules.module.register_module_forward_pre_hook(lambda part, _: modes.append((type(part), part.training))):
        model.partial_fit(X, y)
    assert all(torch.equal(model.module_.state_dict()[name], after[name]) for name in after if name.startswith("body."))
    assert (type(model.module_), True) in modes
    assert {training for kind, training in modes if kind is type(model.module_.body[4])} == {False}
    assert not model.module_.training


def test_frozen_parts_are_the_largest_ones():
    free, frozen = nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).requires_grad_(False)
    module = nn.Sequential(free, nn.Sequential(frozen, nn.Linear(2, 2)), nn.ReLU())
    assert frozen_parts(module) == [frozen]
    assert frozen_parts(nn.Linear(2, 2)) == []
    assert frozen_parts(frozen) == [frozen]


def test_settling_averages_the_statistics_of_all_batches_with_the_final_weights(iris):
    class Normalized(DenseClassifier):
        """A classifier with batch normalisation."""

        def _body(self, plan):
            return nn.Sequential(nn.Linear(4, 8), BatchNorm(8), nn.ReLU()), 8

    X, y = iris
    model = Normalized(max_epochs=3, learning_rate=0.1, batch_size=None, random_state=0).fit(X, y)
    linear, norm = model.module_.body[0], model.module_.body[1]
    values = X.astype(np.float32) @ linear.weight.detach().numpy().T + linear.bias.detach().numpy()
    np.testing.assert_allclose(norm.running_mean.numpy(), values.mean(axis=0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(norm.running_var.numpy(), values.var(axis=0), rtol=1e-4)
    assert norm.momentum == 0.1


# --- Networks side by side -------------------------------------------------------------------------------------------


class Stack(nn.Module):
    """Dense networks of one shape as one network of batched products."""

    def __init__(self, members):
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, x):
        linears = [[m for m in member.modules() if isinstance(m, nn.Linear)] for member in self.members]
        h = x.expand(len(linears), *x.shape)  # (n_members, batch, width)
        for number, layers in enumerate(zip(*linears, strict=True)):
            weight, bias = (torch.stack([getattr(layer, name) for layer in layers]) for name in ("weight", "bias"))
            h = torch.baddbmm(bias[:, None], h, weight.mT)
            h = h.relu() if number < len(linears[0]) - 1 else h
        return h  # (n_members, batch, n_outputs)


class StackedStep(Step):
    """One optimiser and one loss per member."""

    def __init__(self, plans):
        self.plans, self.n_members = plans, len(plans)
        module = Stack([plan.step.module for plan in plans])

        def error(output, target):
            return (output - target).square().mean(dim=2)  # (n_members, batch)

        super().__init__(module, error, plans[0].settings)

    def make_optimizers(self):
        return [plan.step.optimizers[0] for plan in self.plans]

    def member_states(self):
        return [list(member.state_dict().values()) for member in self.module.members]


@pytest.mark.parametrize("schedule", ["constant", "adaptive", "cosine"])
def test_stacked_networks_equal_single_fits(schedule):
    X, y = make_regression(80, 5, noise=5.0, random_state=0)
    candidates = [
        DenseRegressor(
            learning_rate=rate,
            weight_decay=decay,
            learning_rate_schedule=schedule,
            max_grad_norm=0.5,
            hidden_layer_sizes=(16,),
            early_stopping=True,
            max_epochs=40,
            n_iter_no_change=3,
            tol=0.02,
            precision="float64",
            random_state=0,
        )
        for rate, decay in ((0.1, 0.0), (0.03, 0.1), (0.003, 0.0))
    ]
    plans = [candidate._prepare(X, y) for candidate in candidates]  # none of them trained yet
    assert not any(hasattr(candidate, "module_") for candidate in candidates)
    first = plans[0]
    step = StackedStep(plans)
    run = training.Training(
        step,
        first.examples,
        first.validation,
        history=[],
        generator=first.generator,
        noise=first.noise,
        loss_floor=candidates[0]._loss_floor,
    )
    run.run()
    singles = [candidate.fit(X, y) for candidate in candidates]
    ends = [single.n_iter_ for single in singles]
    assert [course.last_epoch for course in run.courses] == ends
    assert [course.best_epoch for course in run.courses] == [single.best_epoch_ for single in singles]
    if schedule != "cosine":
        assert len(set(ends)) > 1  # patience is a matter of each
    for number, (member, single) in enumerate(zip(step.module.members, singles, strict=True)):
        for a, b in zip(member.state_dict().values(), single.module_.state_dict().values(), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-6)
        losses = [record["loss"][number] for record in run.history[: ends[number]]]
        np.testing.assert_allclose(losses, single.history_["loss"], rtol=1e-6)


# --- Teacher forcing -------------------------------------------------------------------------------------------------


class Words(training.Samples):
    """Sequences of tokens of different lengths, one after the other."""

    def __init__(self, tokens, starts):
        self.tokens, self.starts = tokens, starts

    def __len__(self):
        return len(self.starts) - 1

    def __getitem__(self, index):
        groups, positions = ragged_positions(self.starts, index)
        words = self.tokens.new_full((len(index), int(groups.lengths.max())), -1)  # -1: padding
        place = torch.arange(len(positions)) - groups.pointers[groups.members]
        words[groups.members, place] = self.tokens[positions]
        return words


class WordTargets(Targets):
    """Lists of ints."""

    n_outputs = 4

    def learn(self, y, weight, **options):
        return self.read(y)

    def read(self, y, **options):
        return Words(
            torch.tensor([token for word in y for token in word]), torch.tensor([0, *np.cumsum([*map(len, y)])])
        )

    @property
    def error(self):
        def error(logits, target):
            losses = F.cross_entropy(logits.transpose(1, 2), target, ignore_index=-1, reduction="none")
            there = target >= 0
            return (losses * there).sum(dim=1) / there.sum(dim=1)

        return error


class Decoder(nn.Module):
    """Predicts each token from the sample and the token before it."""

    def __init__(self, n_inputs):
        super().__init__()
        self.sample, self.before = nn.Linear(n_inputs, 16), nn.Embedding(6, 16)  # 0 padding, 1 start, 2 to 5 tokens
        self.out = nn.Linear(16, 4)

    def forward(self, x, words):
        shifted = F.pad(words[:, :-1] + 2, (1, 0), value=1).clamp(min=0)
        return self.out((self.sample(x)[:, None] + self.before(shifted)).tanh())


class TeacherForcing(Step):
    """Shows the network the target."""

    def output(self, batch):
        return self.module(batch.samples, batch.target)


class Translator(NeuralEstimator):
    """From rows to words of different lengths."""

    def _targets(self, **common):
        return WordTargets(**common)

    def _network(self, plan):
        return Decoder(plan.reader.columns.number)

    def _step(self, plan, module, error):
        return TeacherForcing(module, error, plan.settings)

    def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None):
        """Train."""
        return self._fit(X, y, sample_weight=sample_weight, X_val=X_val, y_val=y_val)


def test_the_target_reaches_the_network_and_may_be_ragged():
    rng = np.random.default_rng(0)
    kinds = rng.integers(0, 3, 90)
    words = [[[0, 1, 2, 3], [3, 2], [1, 1, 1]][kind] for kind in kinds]
    X = np.eye(3)[kinds]
    settings = {"max_epochs": 60, "learning_rate": 0.03, "random_state": 0}
    model = Translator(**settings, early_stopping=True).fit(X, words)
    assert model.history_["validation_loss"][-1] < 0.05
    weight = np.arange(90) % 3
    exact = {"max_epochs": 5, "precision": "float64", "batch_size": None, "random_state": 0}
    weighted = Translator(**exact).fit(X, words, sample_weight=weight)
    repeated = Translator(**exact).fit(
        np.repeat(X, weight, axis=0), [w for w, n in zip(words, weight, strict=True) for _ in range(n)]
    )
    assert weighted.loss_ == pytest.approx(repeated.loss_, rel=1e-9)


# --- Several processes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "why"),
    [
        (nn.Dropout(0.5), "Dropout that knows of one process"),
        (nn.BatchNorm1d(4), "BatchNorm1d that knows"),
        (nn.BatchNorm1d(4, affine=False), "BatchNorm1d"),
        (Dropout(0.5), None),
        (BatchNorm(4), None),
    ],
)
def test_a_step_says_why_processes_cannot_share_it(layer, why, iris):
    X, y = iris
    plan = DenseClassifier(random_state=0)._prepare(X, y)
    step = training.Step(nn.Sequential(nn.Linear(4, 4), layer), F.mse_loss, plan.settings)
    said = step.undivided(plan.examples)
    assert said is None if why is None else why in said
    step.module.requires_grad_(False)
    assert step.undivided(plan.examples) is None
