"""Members share matrices and nothing else."""

import torch

from sklearn_ann.layers import ColumnVectors
from sklearn_ann.reading import TableBatch
from sklearn_ann.tabular.network import MembersBody

BATCH = TableBatch(torch.tensor([[0], [1], [2], [3], [0]]), torch.randn(5, 2).double(), torch.full((5,), -1))


def body(hidden=(6, 4), n_members=3, dropout=0.0):
    torch.manual_seed(0)
    vectors = ColumnVectors([2], 2, 8, "piecewise")
    made = MembersBody(vectors, 8, hidden, n_members=n_members, activation="tanh", dropout=dropout)
    return made.double()


def test_members_follow_the_equation():
    network = body()
    x = network.vectors(BATCH.codes, BATCH.numbers).flatten(1)  # (5, 24)
    found = network(BATCH)
    assert found.shape == (3, 5, 4)
    for m in range(3):
        hidden = x * network.scale[m]
        for weight, bias in zip(network.weights, network.biases, strict=True):
            hidden = torch.tanh(hidden @ weight + bias[m])
        torch.testing.assert_close(found[m], hidden)


def test_members_begin_with_one_sign_for_each_column():
    scale = body(n_members=64).scale.detach()
    assert set(scale.unique().tolist()) == {-1.0, 1.0}
    of_columns = scale.reshape(64, 3, 8)
    assert torch.equal(of_columns, of_columns[:, :, :1].expand_as(of_columns))
    assert len(of_columns[:, :, 0].unique(dim=0)) == 8  # all combinations of three signs


def test_a_member_learns_of_its_own_loss_alone():
    network = body()
    network(BATCH)[1].sum().backward()
    for own in (network.scale, *network.biases):
        of_member = own.grad.flatten(1).abs().sum(dim=1)
        assert of_member[1] > 0
        assert of_member[[0, 2]].sum() == 0
    assert all(weight.grad.abs().sum() > 0 for weight in network.weights)


def test_dropout_drops_the_same_units_of_all_members_in_training_only():
    network = body(dropout=0.5)
    dropped = network(BATCH) == 0
    assert dropped.any()
    assert torch.equal(dropped, dropped[:1].expand_as(dropped))
    network.eval()
    assert not (network(BATCH) == 0).any()


def test_without_hidden_layers_features_are_the_scaled_vectors():
    network = body(hidden=())
    expected = network.vectors(BATCH.codes, BATCH.numbers).flatten(1) * network.scale
    torch.testing.assert_close(network(BATCH), expected)
