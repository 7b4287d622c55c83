"""Saliency: derivatives and single substitutions, by hand and as an estimator returns them."""

import numpy as np
import pytest
import torch

from sklearn_ann import CNNClassifier
from sklearn_ann.base.saliency import cut, gradient, mutagenesis
from sklearn_ann.reading import GridBatch

WEIGHT = torch.arange(24.0).view(2, 3, 4)  # (outputs, letters, length)


def linear(batch):
    """Two outputs, each a weighted sum of all values."""
    return torch.einsum("bcl,ocl->bo", batch.x, WEIGHT)


def one_hot(codes):
    return torch.nn.functional.one_hot(torch.tensor(codes), 3).movedim(-1, 1).float()


def test_the_gradient_of_a_linear_network_is_its_weight():
    batch = GridBatch(one_hot([[0, 1, 2, 2], [2, 0, 0, 1]]), None)
    assert torch.equal(gradient(0, linear, batch), WEIGHT[0].expand(2, -1, -1))
    assert torch.equal(gradient(None, linear, batch), WEIGHT[1].expand(2, -1, -1))  # the greater output


def test_a_substitution_changes_a_linear_network_by_the_difference_of_two_weights():
    codes = [[0, 1, 2, 2], [2, 0, 0, 1]]
    change = mutagenesis(0, linear, GridBatch(one_hot(codes), None))
    for i, sequence in enumerate(codes):
        for position, letter in enumerate(sequence):
            expected = WEIGHT[0, :, position] - WEIGHT[0, letter, position]
            assert torch.equal(change[i, :, position], expected)


def test_the_output_of_a_substitution_is_the_greatest_before_it():
    def crossing(batch):  # the second output is the greatest, but not once the letter 2 is there
        return torch.stack([5 * batch.x[:, 2].sum(dim=1), batch.x[:, 0].sum(dim=1)], dim=1)

    change = mutagenesis(None, crossing, GridBatch(one_hot([[0, 0]]), None))
    assert change[0].tolist() == [[0, 0], [-1, -1], [-1, -1]]


@pytest.mark.parametrize("method", [gradient, mutagenesis])
def test_each_sample_has_its_own_size(method):
    batch = GridBatch(one_hot([[0, 1, 2, 2], [2, 0, 0, 1]]) * (torch.arange(4) < 3), torch.tensor([[3], [2]]))
    assert [tuple(found.shape) for found in method(0, linear, batch)] == [(3, 3), (3, 2)]


def test_maps_are_cut_in_both_dimensions():
    values = torch.arange(24.0).view(2, 1, 3, 4)
    assert cut(values, None) is values
    first, second = cut(values, torch.tensor([[3, 2], [1, 4]]))
    assert first.tolist() == [[[0, 1], [4, 5], [8, 9]]]
    assert second.tolist() == [[[12, 13, 14, 15]]]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_an_estimators_substitutions_are_differences_of_its_decision_function():
    X = ["ACGTACGGTA", "CCGATAC", "TTGACATGAC", "GGATACCA"] * 3
    model = CNNClassifier(conv_layers=((4, 3),), max_epochs=2, random_state=0).fit(X, [0, 1, 1, 0] * 3)
    change = model.saliency(X[:2], method="mutagenesis")
    assert [found.shape for found in change] == [(10, 4), (7, 4)]
    expected = model.decision_function(["GCGTACGGTA"]) - model.decision_function(X[:1])
    np.testing.assert_allclose(change[0][0, 2], expected[0], atol=1e-5)
    with pytest.raises(ValueError, match="output=3"):
        model.saliency(X, output=3)
    with pytest.raises(ValueError, match="method='shap'"):
        model.saliency(X, method="shap")
