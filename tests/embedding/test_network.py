"""The network for tables: vectors of seen, unseen and unknown categories, and what the dense layers read."""

import numpy as np
import pytest
import torch

from sklearn_ann.embedding.network import CategoryEmbedding, EntityBody
from sklearn_ann.reading import TableBatch

MISSING, UNKNOWN = 3, 4  # codes of a column of three categories


@pytest.fixture
def embedding():
    """Three categories, of which training has seen the first two."""
    torch.manual_seed(0)
    embedding = CategoryEmbedding(3, 2).train()
    embedding(torch.tensor([0, 1, 1]))
    return embedding.eval()


def test_codes_that_training_has_not_seen_get_the_mean_of_those_seen(embedding):
    found = embedding(torch.arange(5))
    torch.testing.assert_close(found[:2], embedding.weight[:2])
    torch.testing.assert_close(found[2:], embedding.weight[:2].mean(dim=0).expand(3, 2))
    torch.testing.assert_close(embedding.matrix(), found)


def test_a_missing_value_that_was_seen_has_its_own_vector_and_no_share_in_the_mean(embedding):
    before = embedding.matrix()[UNKNOWN]
    embedding.train()(torch.tensor([MISSING]))
    torch.testing.assert_close(embedding.matrix()[MISSING], embedding.weight[MISSING])
    torch.testing.assert_close(embedding.matrix()[UNKNOWN], before)


def test_prediction_does_not_count_as_seen(embedding):
    embedding(torch.tensor([2, MISSING, UNKNOWN]))
    assert embedding.seen.tolist() == [True, True, False, False]


def test_an_unknown_category_changes_no_vector_in_training(embedding):
    found = embedding.train()(torch.tensor([UNKNOWN, 1]))
    found.sum().backward()
    assert not found[0].any()
    assert embedding.weight.grad.nonzero()[:, 0].unique().tolist() == [1]
    assert embedding.seen.tolist() == [True, True, False, False]


def test_what_was_seen_is_part_of_the_weights(embedding):
    copy = CategoryEmbedding(3, 2).eval()
    copy.load_state_dict(embedding.state_dict())
    torch.testing.assert_close(copy.matrix(), embedding.matrix())


def test_dense_layers_read_vectors_and_then_numbers():
    torch.manual_seed(0)
    body = EntityBody([2, 3], [1, 2], 2, (4,), 0.5).double().eval()
    for part in body.embeddings:
        part.seen[:] = True
    codes, numbers = torch.tensor([[1, 0], [0, 2]]), torch.tensor([[0.5, -1.0], [2.0, 3.0]], dtype=torch.float64)
    first, second = (part.weight.detach().numpy() for part in body.embeddings)
    inputs = np.hstack([first[codes[:, 0]], second[codes[:, 1]], numbers.numpy()])
    (linear,) = (module for module in body.dense.modules() if isinstance(module, torch.nn.Linear))
    expected = np.maximum(inputs @ linear.weight.detach().numpy().T + linear.bias.detach().numpy(), 0)
    found = body(TableBatch(codes, numbers, torch.tensor([-1, -1]))).detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-12)
