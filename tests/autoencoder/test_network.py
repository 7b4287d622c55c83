"""The auto-encoder as a torch module: its input is corrupted in training only, and its penalties are their formulas."""

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_ann.autoencoder.losses import Penalized
from sklearn_ann.autoencoder.network import AutoEncoder, Corruption, dense_pair


def network(**penalties):
    torch.manual_seed(0)
    encoder, decoder = dense_pair((5, 4, 3), "tanh", 0.0, tied_weights=False)
    return AutoEncoder(encoder, decoder, nn.Sigmoid(), nn.Identity(), **penalties).double()


X = torch.as_tensor(np.random.default_rng(0).normal(size=(6, 5)))


@pytest.mark.parametrize("noise_type", ["gaussian", "masking", "salt_and_pepper"])
def test_corruption_is_what_its_name_says_and_only_in_training(noise_type):
    x = torch.rand(2000, 5, generator=torch.Generator().manual_seed(0)) * 0.5 + 0.25
    corruption = Corruption(noise_type, 0.2, torch.zeros(5), torch.ones(5))
    corruption.generator = torch.Generator().manual_seed(0)
    changed = corruption(x)
    if noise_type == "gaussian":
        assert float((changed - x).std()) == pytest.approx(0.2, rel=0.05)
    else:
        hit = changed != x
        assert float(hit.float().mean()) == pytest.approx(0.2, rel=0.1)
        assert set(changed[hit].tolist()) == ({0.0} if noise_type == "masking" else {0.0, 1.0})
    assert torch.equal(corruption.eval()(x), x)


def test_two_corruptions_of_one_seed_are_alike_and_of_another_are_not():
    corruption = Corruption("gaussian", 1.0, torch.zeros(5), torch.ones(5))
    drawn = []
    for seed in (0, 0, 1):
        corruption.generator = torch.Generator().manual_seed(seed)
        drawn.append(corruption(X))
    assert torch.equal(drawn[0], drawn[1])
    assert (drawn[0] != drawn[2]).all()


def test_a_tied_decoder_is_the_transposed_encoder_in_reverse_order():
    encoder, decoder = dense_pair((5, 4, 3), "identity", 0.0, tied_weights=True)
    W, V = (layer.weight.detach().numpy() for layer in (encoder[0], encoder[2]))
    code = np.eye(3, dtype=np.float32)
    with torch.no_grad():
        np.testing.assert_allclose(decoder(torch.as_tensor(code)), code @ V @ W, rtol=1e-5, atol=1e-6)
    assert len(list(decoder.parameters())) == 2  # its two biases


def test_without_penalty_the_output_is_the_reconstruction_before_the_link():
    model = network()
    output = model(X)
    torch.testing.assert_close(torch.sigmoid(output), model.reconstruct(X))
    torch.testing.assert_close(model.reconstruct(X), model.decode(model.encode(X)))


def test_the_sparsity_penalty_weighs_a_code_with_the_lengths_of_the_decoders_columns():
    model = network(sparsity=0.2)
    result = model(X)
    assert isinstance(result, Penalized)
    code = model.encode(X).detach().numpy()
    assert (code >= 0).all()
    assert (code == 0).any()
    lengths = np.linalg.norm(model.decoder[0].weight.detach().numpy(), axis=0)
    np.testing.assert_allclose(result.penalty.detach(), 0.2 * code @ lengths)


@pytest.mark.parametrize("sparsity", [0.0, 0.2])
def test_the_contractive_penalty_adds_up_with_sparsity_and_survives_no_grad(sparsity):
    model = network(sparsity=sparsity, contraction=0.3).eval()
    with torch.no_grad():
        found = model(X).penalty
    jacobians = [torch.autograd.functional.jacobian(model.encode, row[None]) for row in X]
    expected = 0.3 * torch.stack([jacobian.square().sum() for jacobian in jacobians])
    if sparsity:
        expected = expected + network(sparsity=sparsity)(X).penalty
    torch.testing.assert_close(found, expected)


def test_the_corruption_is_before_the_code():
    model = network()
    model.corruption = Corruption("masking", 1.0, torch.zeros(5), torch.ones(5))
    torch.testing.assert_close(model(X), model.output(torch.zeros_like(X)))
    torch.testing.assert_close(model.eval()(X), model.output(X))
