import numpy as np
import pytest
import torch
from sklearn.utils import Bunch

from sklearn_ann.generative.adversaries import Draws, Skipped, adversaries_of, choices, frozen_copy
from sklearn_ann.reading import Block, ConditionedBatch, Fields

# One number with a block for its absence, then two categorical columns of two and three categories.
FIELDS = Fields(1, (Block(1, 3, 0, 1), Block(3, 5, None, None), Block(5, 8, None, None)))
SETTINGS = Bunch(
    hidden_layer_sizes=(16, 8),
    n_components=4,
    architecture="dense",
    image_shape=None,
    pack_size=3,
    activation="relu",
    conv_layers="auto",
)


def rows(n=60):
    rng = np.random.RandomState(0)
    blocks = [np.eye(size)[rng.randint(size, size=n)] for size in (2, 2, 3)]
    return torch.as_tensor(np.hstack([rng.normal(size=(n, 1)), *blocks]), dtype=torch.float32)


def adversaries(x=None, conditions=None, fields=FIELDS, weight=None, **settings):
    x = rows() if x is None else x
    conditions = torch.zeros(len(x), 0) if conditions is None else conditions
    return adversaries_of(Bunch(**SETTINGS | settings), fields, x, weight, conditions)


def test_softened_blocks_are_probabilities_and_hardened_ones_are_draws_by_them():
    module = adversaries()
    output = torch.zeros(4000, 8)
    output[:, 5] = 1.0
    soft, hard = module.softened(output, 0.2), module.hardened(output, module.draws.gumbel(output[:, 1:]))
    for drawn in (soft, hard):
        torch.testing.assert_close(drawn[:, 0], output[:, 0])
        for block in FIELDS.blocks:
            torch.testing.assert_close(drawn[:, block.start : block.stop].sum(dim=1), torch.ones(4000))
    assert set(hard[:, 1:].flatten().tolist()) == {0.0, 1.0}
    expected = output[0, 5:].softmax(dim=0)
    torch.testing.assert_close(hard[:, 5:].mean(dim=0), expected, atol=0.03, rtol=0)


def test_a_condition_is_the_rows_own_category_of_one_column():
    module, x = adversaries(), rows()
    conditions = module.condition_on(x, x[:, :0])
    assert torch.equal(conditions.sum(dim=1), torch.ones(len(x)))
    assert bool((conditions <= module.levels(x)).all())
    of_first = conditions[:, :2].sum(dim=1).mean()
    assert 0.3 < float(of_first) < 0.7
    # Drawn ones have the frequencies of the training data.
    drawn = module.drawn_conditions(20_000, np.random.RandomState(0))
    np.testing.assert_allclose(drawn.mean(axis=0), module.levels(x).mean(dim=0) / 2, atol=0.02)


def test_weights_count_in_the_frequencies():
    x, weight = rows(), torch.arange(60.0)
    module = adversaries(x, weight=weight)
    torch.testing.assert_close(module.shares, weight @ module.levels(x) / weight.sum() / 2)


def test_rows_with_conditions_of_their_own_have_no_others():
    conditions = torch.eye(2)[torch.arange(60) % 2]
    module = adversaries(conditions=conditions)
    assert choices(FIELDS, 2) == module.choices == []
    assert module.condition_on(rows(), conditions) is conditions


def test_disobedience_is_the_cross_entropy_of_the_category_that_was_asked_for():
    module, x = adversaries(), rows()
    conditions = module.condition_on(x, x[:, :0])
    good = torch.where(x[:, :8] > 0, 20.0, -20.0)
    assert float(module.disobedience(good, conditions).max()) < 1e-6
    uniform = module.disobedience(torch.zeros_like(good), conditions)
    expected = torch.where(conditions[:, :2].sum(dim=1) > 0, np.log(2), np.log(3)).float()
    torch.testing.assert_close(uniform, expected)


def test_the_average_reaches_back_over_a_share_of_the_steps_and_no_further_than_its_decay():
    module = adversaries()
    parameter, averaged = module.generator.body.head.weight, module.averaged.body.head.weight

    def averages(decay, values):
        found = []
        for step, value in enumerate(values):
            with torch.no_grad():
                parameter.fill_(float(value))
            module.average(decay, step)
            found.append(float(averaged.mean()))
        return np.array(found)

    assert averages(0.9, [7.0])[0] == 7.0  # nothing of the random start
    age = np.arange(400) - averages(0.999, np.arange(400))
    assert 0.05 < age[-1] / 400 < 0.15
    assert averages(0.9, np.arange(400))[-1] == pytest.approx(399 - 9, abs=0.1)
    assert averages(0.0, [1.0, 5.0])[-1] == 5.0
    assert int(module.n_averaged) == 1 + 400 + 400 + 2


def test_noise_reaches_the_row_past_the_hidden_layers():
    torch.manual_seed(0)
    body = Skipped(torch.nn.Tanh(), 3, 3, 2)
    assert bool((body(1e3 * torch.ones(1, 3)).abs() > 10).any())
    x = torch.randn(5, 3)
    torch.testing.assert_close(body(x), body.head(x.tanh()) + body.skip(x))


@pytest.mark.parametrize("n_levels", [0, 2])
def test_the_generator_starts_with_the_means_and_the_covariance_of_the_rows(n_levels):
    torch.manual_seed(0)
    mode = torch.arange(600) % 3 % 2
    conditions = torch.eye(2)[mode][:, :n_levels]
    x = torch.randn(600, 3) @ torch.randn(3, 3) + 5.0 * mode[:, None]
    module = adversaries(x, conditions, Fields(3, ()), hidden_layer_sizes=(16,))
    noise = torch.randn(60_000, 4)
    drawn = module.generator.body.skip(torch.cat([noise, conditions.repeat(100, 1)], dim=1)).detach()
    torch.testing.assert_close(drawn.mean(dim=0), x.mean(dim=0), atol=0.1, rtol=0)
    torch.testing.assert_close(drawn.T.cov(), x.T.cov(), atol=0.3, rtol=0.05)
    if n_levels:
        for level in (0, 1):
            mean = drawn[mode.repeat(100) == level].mean(dim=0)
            torch.testing.assert_close(mean, x[mode == level].mean(dim=0), atol=0.1, rtol=0)


def test_categories_start_with_their_frequencies():
    module, x = adversaries(), rows()
    logits = module.generator.body.skip(torch.zeros(1, 4 + 5))[0].detach()
    torch.testing.assert_close(logits[5:].softmax(dim=0), x[:, 5:].mean(dim=0))
    torch.testing.assert_close(logits[0], x[:, 0].mean())


def test_an_average_is_no_parameter():
    module = adversaries()
    assert not list(module.averaged.parameters())
    assert len(list(frozen_copy(module.generator).buffers())) == len(list(module.generator.parameters()))


def test_drawn_rows_are_each_there_and_fill_packs():
    draws, like = Draws(), torch.zeros(1)
    assert draws.rows(10, 16, None, like).bincount(minlength=10).tolist() != [0] * 10
    assert set(draws.rows(10, 16, None, like).bincount(minlength=10).tolist()) == {1, 2}
    weighted = draws.rows(4, 40, torch.tensor([0.0, 1.0, 1.0, 2.0]), like).bincount(minlength=4)
    assert weighted.tolist() == [0, 10, 10, 20]
    assert draws.rows(1, 8, None, like).tolist() == [0] * 8


def test_a_row_alone_fills_its_pack_with_the_mean():
    module, x = adversaries(), rows()
    packs, conditions = module.alone(x, x[:, :0])
    assert packs.shape == (60, 3, 8)
    assert conditions.shape == (60, 3, 5)
    torch.testing.assert_close(packs[:, 0], x)
    torch.testing.assert_close(packs[5, 1], x.mean(dim=0))
    assert module.features(x).shape == (60, 8)
    assert module(ConditionedBatch(x, x[:, :0])).shape == (60,)


@pytest.mark.parametrize("architecture", ["dense", "conv"])
@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 3)])
def test_images_stay_in_the_range_of_the_fit(architecture, shape):
    n = int(np.prod(shape))
    images = torch.rand(20, n, generator=torch.Generator().manual_seed(0)) * 3 - 1
    conditions = torch.eye(4)[torch.arange(20) % 4]
    fields = Fields(n, ())
    module = adversaries(images, conditions, fields, architecture=architecture, image_shape=shape).eval()
    output = module.averaged(100 * torch.randn(30, 4), conditions[:1].expand(30, -1))
    decoded = module.decoded(output)
    assert decoded.shape == (30, n)
    assert float(decoded.min()) >= float(images.min())
    assert float(decoded.max()) <= float(images.max())
    torch.testing.assert_close(module.decoded(module.encoded(images)), images)
    packs = module.encoded(images)[:18].view(6, 3, n)
    values = module.critic(packs, conditions[:18].view(6, 3, 4))
    assert values.shape == (6,)
    # The value of a pack depends on each of its images.
    changed = packs.clone()
    changed[:, 2] += 0.1
    assert not torch.allclose(values, module.critic(changed, conditions[:18].view(6, 3, 4)))


def test_constant_images_are_sampled_as_they_are():
    module = adversaries(torch.full((9, 4), 7.0), fields=Fields(4, ()), image_shape=(2, 2))
    assert torch.isfinite(module.encoded(torch.full((2, 4), 7.0))).all()
    assert torch.equal(module.decoded(torch.randn(3, 4)), torch.full((3, 4), 7.0))


def test_conv_needs_a_shape_and_a_dense_layer():
    x, fields = torch.rand(6, 16), Fields(16, ())
    with pytest.raises(ValueError, match="architecture='conv' needs image_shape"):
        adversaries(x, fields=fields, architecture="conv")
    with pytest.raises(ValueError, match=r"got hidden_layer_sizes=\(\)"):
        adversaries(x, fields=fields, architecture="conv", image_shape=(4, 4), hidden_layer_sizes=())
