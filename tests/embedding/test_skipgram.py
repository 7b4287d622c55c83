"""Skip-gram with negative sampling: the error of each pair, its noise tokens, and the thinning of frequent tokens."""

import numpy as np
import pytest
import torch

from sklearn_ann.embedding.skipgram import SkipGram, proximity
from sklearn_ann.reading.texts import text_rows


def test_proximity_is_how_often_a_random_window_reaches_a_token():
    weights = proximity(3)
    assert weights.shape == (32, 38)
    torch.testing.assert_close(weights[0, :8], torch.tensor([1 / 3, 2 / 3, 1, 0, 1, 2 / 3, 1 / 3, 0]))
    for i in range(32):
        torch.testing.assert_close(weights[i, i : i + 7], weights[0, :7])
        assert weights[i].sum() == weights[0].sum()


def test_the_error_is_that_of_the_pairs_one_by_one():
    sequences, window, n = [[0, 1, 2, 0, 3, 1], [2, 2, 3]], 2, 3
    codes, starts = np.concatenate(sequences), np.array([0, 6, 9])
    net = SkipGram(torch.bincount(torch.from_numpy(codes)), 5, window, n, 0.0).double().eval()
    torch.manual_seed(0)
    for matrix in (net.vectors, net.context):
        torch.nn.init.normal_(matrix)
    drawn = net._noise(1, torch.device("cpu"))[0].numpy()
    u, v = net.vectors.detach().numpy(), net.context.detach().numpy()

    def minus_log_sigmoid(x):
        return np.log1p(np.exp(-x))

    total = weights = 0.0
    for sequence in sequences:
        for i, a in enumerate(sequence):
            for j, b in enumerate(sequence):
                if 0 < abs(i - j) <= window:
                    weight = (window - abs(i - j) + 1) / window
                    noise = minus_log_sigmoid(np.log(n) - v[drawn] @ u[a]).mean()
                    total += weight * (minus_log_sigmoid(v[b] @ u[a] - np.log(n)) + n * noise)
                    weights += weight
    (error,) = net(torch.from_numpy(text_rows(codes, starts))).tolist()
    assert error == pytest.approx(total / weights, rel=1e-6)


def test_noise_follows_the_counts_to_the_power_of_three_quarters():
    counts = torch.tensor([1.0, 16.0, 81.0, 256.0])
    net = SkipGram(counts, 2, 1, 1, 0.0)
    net.generator = torch.Generator().manual_seed(0)
    expected = np.array([1, 8, 27, 64]) / 100
    for training in (True, False):
        drawn = net.train(training)._noise(2000, torch.device("cpu")).flatten()
        np.testing.assert_allclose(torch.bincount(drawn, minlength=4) / len(drawn), expected, atol=0.01)


def test_frequent_tokens_are_thinned_as_the_formula_says():
    counts = torch.ones(1000)
    counts[0] = 9000.0
    net = SkipGram(counts, 2, 1, 1, 1e-3)
    often = 9000 / 9999 / 1e-3
    assert net.keep[0].item() == pytest.approx(often**-0.5 + 1 / often, rel=1e-6)
    assert (net.keep[1:] >= 1).all()
    assert (SkipGram(torch.ones(4), 2, 1, 1, 1e-3).keep >= 1).all()  # letters stay
    assert (SkipGram(counts, 2, 1, 1, 0.0).keep == 1).all()


def test_no_pair_crosses_a_row_or_a_sequence():
    net = SkipGram(torch.ones(4), 3, 5, 2, 0.0).eval()
    alone = torch.tensor([[[0, 0], [1, 1], [2, 2]], [[3, 2], [1, 3], [0, -1]]])  # codes and sequences; -1 is padding
    assert net(alone).tolist() == [0.0, 0.0]
    pair = alone.clone()
    pair[1, 1, 1] = 2  # tokens 3 and 1 are of one sequence now
    assert net(pair)[0] == 0
    assert net(pair)[1] > 0


def test_the_error_is_repeatable_and_leaves_the_global_generator_alone():
    net = SkipGram(torch.tensor([50.0, 5.0, 1.0]), 3, 2, 2, 0.3)
    torch.nn.init.normal_(net.context)
    rows = torch.from_numpy(text_rows(np.arange(90) % 3, np.array([0, 90])))
    state = torch.get_rng_state()
    errors = []
    for seed in (0, 0, 1):
        net.train().generator = torch.Generator().manual_seed(seed)
        errors.append(net(rows).item())
    assert errors[0] == errors[1] != errors[2]
    assert net.eval()(rows).item() == net(rows).item()
    assert torch.equal(torch.get_rng_state(), state)
