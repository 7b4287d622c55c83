"""Modules of others: their weights, and what their layers draw from."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from sklearn_ann.layers import BorrowedBody, check_weights, seeded


def test_layers_of_others_draw_from_the_generator_in_training_and_leave_the_global_one():
    body = BorrowedBody(nn.Sequential(nn.Dropout(0.5)), "Sequential")
    x, before = torch.ones(4, 50), torch.get_rng_state()
    drawn = []
    for seed in (0, 0, 1):
        torch.rand(seed + 3)  # the global generator is elsewhere each time
        here = torch.get_rng_state()
        body.generator = torch.Generator().manual_seed(seed)
        drawn.append((body(x), body(x)))
        assert torch.equal(torch.get_rng_state(), here)
    torch.set_rng_state(before)
    assert torch.equal(drawn[0][0], drawn[1][0])
    assert not torch.equal(drawn[0][0], drawn[0][1])
    assert not torch.equal(drawn[0][0], drawn[2][0])
    assert torch.equal(body.eval()(x), x)


def test_threads_take_turns():
    def drawn(seed):
        with seeded(seed):
            numbers = [torch.rand(1).item()]
            time.sleep(0.02)  # the other thread runs
            return [*numbers, torch.rand(1).item()]

    expected = [drawn(seed) for seed in range(3)]
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(drawn, range(3))) == expected


def test_a_seeded_context_puts_the_generator_back_after_an_error():
    before = torch.get_rng_state()
    with pytest.raises(RuntimeError), seeded(3):
        torch.rand(-1)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.Sequential(nn.LazyLinear(3)), r"own has a lazy layer, whose weights '0\.weight' are not made yet"),
        (nn.Linear(2, 3, device="meta"), "own has no numbers in its weights 'weight', which are on the device 'meta'"),
        (nn.BatchNorm1d(3).to("meta"), "on the device 'meta'"),
        (nn.Linear(2, 3).requires_grad_(False), "own has NaN or infinity in its weights 'bias'"),
    ],
)
def test_weights_that_nobody_can_compute_with_are_named(module, message):
    if type(module) is nn.Linear and not module.weight.is_meta:
        module.bias[1] = torch.inf
    with pytest.raises(ValueError, match=message):
        check_weights(module, "own")


def test_infinities_in_a_mask_are_no_weights():
    module = nn.Linear(2, 2)
    module.register_buffer("mask", torch.full((2,), -torch.inf))
    check_weights(module, "own")
