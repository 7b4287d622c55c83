"""Attention is its formula, with and without its weights; places are known, and tokens that are not there are not."""

import math

import numpy as np
import pytest
import torch
from scipy.special import softmax
from torch import nn

from sklearn_ann.layers import EncoderBlock, MultiHeadAttention, PositionalEncoding, attention_weights
from sklearn_ann.layers.attention import rotated


def seeded(module, seed=0):
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.3, generator=generator)
    return module.double().eval()


def tokens(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_weights_are_a_softmax_over_the_keys_that_are_there():
    query, key = tokens(3, 4), tokens(5, 4, seed=2)
    expected = softmax((query @ key.T).numpy() / math.sqrt(4), axis=1)
    np.testing.assert_allclose(attention_weights(query, key), expected, rtol=1e-12)
    there = torch.tensor([True, False, True, True, False])
    masked = attention_weights(query, key, there)
    assert (masked[:, ~there] == 0).all()
    torch.testing.assert_close(masked[:, there], attention_weights(query, key[there]))


@pytest.mark.parametrize("rotary", [False, True])
@pytest.mark.parametrize(("width", "n_heads"), [(8, 2), (5, 4), (1, 1)])
def test_attention_is_the_same_whether_weights_are_asked_for(width, n_heads, rotary):
    attention = seeded(MultiHeadAttention(width, n_heads, rotary=rotary))
    x = tokens(3, 7, width)
    maps = []
    torch.testing.assert_close(attention(x, maps=maps), attention(x))
    assert maps[0].shape == (3, n_heads, 7, 7)
    torch.testing.assert_close(maps[0].sum(dim=-1), torch.ones(3, n_heads, 7, dtype=torch.float64))


def test_heads_are_attentions_of_their_own():
    attention = seeded(MultiHeadAttention(4, 2))
    x = tokens(1, 5, 4)
    query, key, value = (
        part.view(5, 2, 2).transpose(0, 1).detach().numpy()  # (head, token, number)
        for part in (attention.query(x)[0], *attention.keys_values(x)[0].chunk(2, dim=1))
    )
    weights = softmax(query @ key.transpose(0, 2, 1) / math.sqrt(2), axis=-1)
    side_by_side = np.hstack(list(weights @ value))  # (5, 4)
    expected = attention.output(torch.from_numpy(side_by_side))
    torch.testing.assert_close(attention(x)[0], expected)


@pytest.mark.parametrize("rotary", [False, True])
def test_what_is_filled_up_does_not_matter(rotary):
    block = seeded(EncoderBlock(8, 2, 16, rotary=rotary))
    x = tokens(2, 9, 8)
    there = torch.arange(9) < torch.tensor([[6], [9]])
    torch.testing.assert_close(block(x, there)[0, :6], block(x[:1, :6])[0])


@pytest.mark.parametrize("rotary", [False, True])
def test_the_first_may_ask_alone(rotary):
    block = seeded(EncoderBlock(8, 2, 16, rotary=rotary))
    x, there = tokens(2, 9, 8), torch.arange(9) < torch.tensor([[6], [9]])
    torch.testing.assert_close(block(x, there, n_queries=2), block(x, there)[:, :2])


def test_without_places_an_order_is_no_order():
    block = seeded(EncoderBlock(8, 2, 16, activation="reglu"))
    x = tokens(1, 6, 8)
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    torch.testing.assert_close(block(x[:, order]), block(x)[:, order])
    turned = seeded(EncoderBlock(8, 2, 16, rotary=True))
    assert not torch.allclose(turned(x[:, order]), turned(x)[:, order])


def test_products_of_rotated_vectors_depend_on_their_distance():
    query, key = tokens(6), tokens(6, seed=2)
    products = rotated(query.expand(10, 6)) @ rotated(key.expand(10, 6)).T
    for distance in range(-9, 10):
        diagonal = products.diagonal(distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal))
    torch.testing.assert_close(products[0, 0], query @ key)
    torch.testing.assert_close(rotated(query.expand(10, 6)).norm(dim=1), query.norm().expand(10))


@pytest.mark.parametrize("longest", [10_000, 50])
def test_sinusoids_are_those_of_the_paper_with_waves_that_fit_the_sequences(longest):
    encoding = PositionalEncoding("sinusoidal", 6, longest)
    places = encoding(torch.zeros(1, 50, 6, dtype=torch.float64))[0].numpy()
    angles = np.arange(50)[:, None] / longest ** (np.arange(3) / 3)
    np.testing.assert_allclose(places / np.sqrt(2), np.hstack([np.sin(angles), np.cos(angles)]), atol=1e-9)
    assert PositionalEncoding("sinusoidal", 5, 0)(torch.zeros(1, 4, 5)).shape == (1, 4, 5)


@pytest.mark.parametrize("dropout", [{"dropout": 0.5}, {"attention_dropout": 0.5}])
def test_dropout_draws_from_its_own_generator(dropout):
    block = seeded(EncoderBlock(8, 2, 16, **dropout)).train()
    x = tokens(1, 6, 8)
    before = torch.get_rng_state()
    drawn = []
    for seed in (0, 0, 1):
        for module in block.modules():
            if hasattr(module, "generator"):
                module.generator = torch.Generator().manual_seed(seed)
        drawn.append(block(x))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert not torch.equal(drawn[0], block.eval()(x))


@pytest.mark.parametrize(("length", "n_queries"), [(17, None), (31, 1), (40, None)])
def test_a_prediction_does_not_depend_on_the_number_of_threads(length, n_queries):
    block, x = seeded(EncoderBlock(64, 8, 85)).float(), tokens(40, length, 64).float()
    threads, outputs = torch.get_num_threads(), []
    try:
        for number in (1, 2):
            torch.set_num_threads(number)
            with torch.no_grad():
                outputs.append(block(x, n_queries=n_queries))
                alone = block(x[7:8], n_queries=n_queries)
            np.testing.assert_array_equal(outputs[-1], outputs[0])
            np.testing.assert_array_equal(alone, outputs[0][7:8])
    finally:
        torch.set_num_threads(threads)
    of_kernel = block(x, n_queries=n_queries).detach()  # with gradients
    torch.testing.assert_close(of_kernel, outputs[0], rtol=1e-4, atol=1e-5)
