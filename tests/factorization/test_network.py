import numpy as np
import torch

from sklearn_ann.factorization.network import (
    SPARSE_FROM,
    FactorizationBody,
    FeaturedEmbedding,
    HeldOutFibres,
    LevelEmbedding,
    lessened,
)
from sklearn_ann.reading import LevelBatch
from sklearn_ann.reading.marginals import Marginals, concealed


def body(rank=3, hidden=(6, 5), n_means=0, n_cases=0):
    torch.manual_seed(0)
    return FactorizationBody(
        [4, 5],
        [2, 3],
        rank,
        n_outputs=1,
        hidden=hidden,
        n_features=hidden[-1] if hidden else rank,
        activation="relu",
        dropout=0.0,
        lacking=np.where(np.eye(n_means, dtype=bool)[:n_cases], np.arange(n_means), n_means),
        fibre_dropout=0.5,
        features=[None, None],
    )


def batch(n_means=0):
    codes = torch.cartesian_prod(torch.arange(4), torch.arange(5))
    return LevelBatch(codes, torch.ones(20, n_means), torch.ones(20, n_means), codes[:, 0] == 3)


def test_features_are_dense_layers_plus_a_linear_map_of_products():
    network = body().eval()
    rows = [e.weight[codes] for e, codes in zip(network.embeddings, batch().codes.T, strict=True)]
    v, f, b = zip(*(row.split(sizes, dim=1) for row, sizes in zip(rows, network.parts, strict=True)), strict=True)
    expected = network.dense(torch.cat(v, dim=1)) + network.linear(torch.cat([*b, 4 * f[0] * f[1]], dim=1))
    torch.testing.assert_close(network(batch()), expected)


def test_products_alone_have_no_vectors():
    network = body(hidden=())
    assert network.parts == [(0, 3, 1), (0, 3, 1)]
    assert network.dense is None
    assert [vectors.shape for vectors in network.vectors()] == [(4, 3), (5, 3)]


def test_training_leaves_out_of_means_what_they_would_lack_in_a_held_out_fibre():
    codes = np.indices((3, 3, 4)).reshape(3, -1).T
    targets = np.random.default_rng(0).normal(size=(36, 1))
    marginals = Marginals(codes, targets, np.ones((36, 1)), [3, 3, 4])
    parts = marginals.read(codes[:1])
    _, lacking = concealed(marginals, marginals.read(codes)[1])
    torch.manual_seed(0)
    layer = HeldOutFibres(lacking)
    means, masses = (torch.from_numpy(part).expand(1000, -1) for part in parts)
    entries = LevelBatch(torch.zeros(1000, 3), means, masses, torch.zeros(1000, dtype=torch.bool))
    cases, counts = torch.cat(layer(entries), dim=1).unique(dim=0, return_counts=True)
    assert abs(counts - 333).max() < 60
    expected = []
    for modes in ([0, 1], [0, 2], [1, 2]):  # of an entry with the levels 0, 0, 0
        others = codes[:, modes].any(axis=1)
        expected.append(
            Marginals(codes[others], targets[others], np.ones((others.sum(), 1)), [3, 3, 4]).read(codes[:1])
        )
    expected = [np.hstack([mean, mass / (1 + mass)])[0] for mean, mass in expected]
    for row in expected:
        assert np.isclose(cases.numpy(), row, atol=1e-9).all(axis=1).sum() == 1
    assert torch.equal(layer.eval()(entries)[0], means)  # a prediction takes the means as they are


def test_a_rest_that_is_rounding_is_nothing():
    masses = torch.tensor([[1e5, 1e5 + 0.01]])
    means, rest = lessened(torch.tensor([[0.5, 0.5]]), masses, torch.tensor([[1, 0]]))
    assert means.tolist() == rest.tolist() == [[0.0, 0.0]]


def test_in_training_features_as_if_fibres_were_held_out_follow_the_others():
    network = body(n_means=3, n_cases=1)
    both, alone = network(batch(3)), network.eval()(batch(3))
    assert both.shape == (40, 5)
    known = ~batch(3).held_out
    torch.testing.assert_close(both[:20][known], alone[known])
    torch.testing.assert_close(both[:20][~known], both[20:][~known])


def test_an_entry_of_a_held_out_fibre_is_predicted_without_vectors():
    network = body(n_means=3, n_cases=1).eval()
    features = network(batch(3))
    held_out = batch(3).held_out
    torch.testing.assert_close(features[held_out], features[held_out][:1].expand(5, -1))
    assert features[~held_out].std(dim=0).min() > 1e-3


def test_levels_that_were_not_trained_get_the_mean_vector():
    embedding = LevelEmbedding(4, [(2, 1.0)])
    embedding(torch.tensor([0, 2]))
    embedding.conclude()
    mean = embedding.weight[[0, 2]].mean(dim=0)
    for row in (1, 3, 4):
        torch.testing.assert_close(embedding.weight[row], mean)


def test_gradients_of_many_levels_are_sparse():
    for n_levels in (SPARSE_FROM - 1, SPARSE_FROM):
        embedding = LevelEmbedding(n_levels, [(2, 1.0)])
        embedding(torch.tensor([1, 3, 3])).sum().backward()
        assert embedding.weight.grad.is_sparse == (n_levels == SPARSE_FROM)


def featured(p=0.0):
    torch.manual_seed(0)
    features = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.0, 0.0], [2.0, 3.0]])  # 3 known, unknown, 1 more
    return FeaturedEmbedding(3, [(2, 0.1)], features, p)


def test_a_level_with_features_alone_has_the_vector_of_its_features():
    embedding = featured()
    with torch.no_grad():
        embedding.weight.copy_(torch.arange(8.0).view(4, 2))
        embedding(torch.tensor([0, 2]))
        embedding.conclude()
        vectors = embedding.eval()(torch.arange(5))
    of_features = embedding.features @ embedding.map.weight.T
    own = torch.tensor([[0.0, 1.0], [0.0, 0.0], [4.0, 5.0]])  # the second was not trained
    torch.testing.assert_close(vectors[:3], own + of_features[:3])
    torch.testing.assert_close(vectors[3], vectors[[0, 2]].mean(dim=0))
    torch.testing.assert_close(vectors[4], of_features[4])
    torch.testing.assert_close(embedding.levels(), vectors[:3])


def test_what_was_learned_of_a_level_is_left_out_of_a_part_of_the_training():
    embedding = featured(p=0.3)
    with torch.no_grad():
        embedding.weight.fill_(5.0)
    vectors = embedding(torch.zeros(2000, dtype=torch.long))
    alone = embedding.features[0] @ embedding.map.weight.T
    share = torch.isclose(vectors, alone).all(dim=1).float().mean()
    assert abs(share - 0.3) < 0.05
