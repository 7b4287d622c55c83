"""Where a network begins, as a value; `test_transfer.py` has the estimators."""

import numpy as np
import pytest
import torch
from leaves import DenseClassifier
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator
from torch import nn

import sklearn_ann
from sklearn_ann.base.sources import Source, _alike, found_source, with_parameters
from sklearn_ann.training import Rows

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_values_of_hyper_parameters_are_compared_by_what_they_hold():
    assert _alike([3, 4], (3, np.int64(4)))
    assert _alike(np.eye(3), np.eye(3))
    assert not _alike(np.eye(3), np.eye(4))
    assert not _alike(1, True)
    assert not _alike("auto", (3,))
    assert not _alike(None, 0)
    assert _alike({"shift": 1}, {"shift": 1})
    assert not _alike(lambda: 1, lambda: 1)


def test_an_estimator_with_other_parameters_is_a_copy():
    model = DenseClassifier(activation="tanh")
    other = with_parameters(model, {"activation": "relu", "dropout": None})
    assert (other.activation, other.dropout) == ("relu", 0.0)
    assert model.activation == "tanh"
    assert with_parameters(model, None) is model


def test_bodies_are_copied_and_number_of_features_is_tried_out():
    samples = Rows(torch.ones(5, 4, dtype=torch.float64))
    bodies = [nn.Linear(4, 3).requires_grad_(False), nn.Linear(4, 3)]
    source = Source("Other", "module", bodies, None, None, {})
    body, n_features = source.body(2, samples, torch.float64)
    assert n_features == 3
    assert torch.equal(body.weight, bodies[0].weight.double())
    assert body.weight.requires_grad
    assert not bodies[0].weight.requires_grad
    with pytest.raises(ValueError, match=r"init_from=Other does not take a batch of shape \(1, 4\)"):
        Source("Other", "module", [nn.Linear(3, 3)], None, None, {}).body(0, samples, torch.float64)


class Odd(nn.Module):
    """Returns what `change` makes of its features."""

    def __init__(self, change):
        super().__init__()
        self.linear, self.change = nn.Linear(4, 3), change

    def forward(self, x):
        return self.change(self.linear(x))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x + torch.randn_like(x), "features of sample 0 depend on what else is in the batch"),
        (lambda x: x - x.mean(dim=0), "features of sample 0 depend on what else is in the batch"),
        (lambda x: x.double(), r"returns features of torch.float64 for samples of torch.float32"),
        (lambda x: x[:, :0], r"returns \(1, 0\) for a batch of 1 samples"),
        (lambda x: x[:1], r"returns \(1, 3\) for a batch of 3 samples"),
        (lambda x: x / 0, "returns features of sample 0 that are not finite"),
        (lambda x: (x,), "returns tuple"),
        (lambda x: x.nothing, r"init_from=Odd does not take a batch of shape \(1, 4\): .*nothing"),
    ],
)
def test_modules_without_features_of_a_sample_are_refused(change, message):
    samples = Rows(torch.arange(20.0).view(5, 4))
    with pytest.raises(ValueError, match=message):
        Source("Odd", "module", [Odd(change)], None, None, {}).body(0, samples, torch.float32)


def test_first_layers_are_put_into_new_bodies_and_others_are_not_frozen():
    layer = nn.Linear(4, 3)
    part = nn.ModuleDict({"first": layer})
    source = Source("Other", "rows", [part], None, None, {}, layers=("first",))
    body = nn.ModuleDict({"first": nn.Linear(4, 3), "second": nn.Linear(3, 2)})
    before = body["second"].weight.clone()
    source.begin(1, body)
    assert torch.equal(body["first"].weight, layer.weight)
    assert body["first"].weight is not layer.weight
    assert torch.equal(body["second"].weight, before)
    source.check_frozen(["first"], 1)
    with pytest.raises(ValueError, match=r"freeze=2 would .* random weights: the body has only first from Other"):
        source.check_frozen(["first", "second"], 2)
    with pytest.raises(ValueError, match=r"init_from=Other has the weights \['first.weight', 'first.bias'\], which"):
        source.begin(0, nn.Linear(4, 3))


class Foreign(BaseEstimator):
    """An estimator that knows nothing of those that begin from it, and that they do not know."""

    def __init__(self, source):
        self.source = source

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def _source(self):
        return self.source


def test_an_estimator_of_another_package_may_offer_itself(digits):
    X, y = digits
    known = DenseClassifier(max_epochs=2, random_state=0).fit(X, y)
    offer = known._source()
    foreign = FrozenEstimator(Foreign(offer).fit(X))
    assert found_source(DenseClassifier(init_from=foreign), None) is offer
    model = DenseClassifier(init_from=foreign, freeze="body", max_epochs=2, random_state=0).fit(X, y)
    np.testing.assert_array_equal(model.transform(X), known.transform(X))


def test_paths_are_read_by_the_loader(digits, monkeypatch, tmp_path):
    X, y = digits
    known = DenseClassifier(max_epochs=2, random_state=0).fit(X, y)
    monkeypatch.setattr(sklearn_ann, "load", lambda path: {"there": known}[path.name], raising=False)
    path = tmp_path / "there"
    path.touch()
    model = DenseClassifier(init_from=path, freeze="body", max_epochs=2, random_state=0).fit(X, y)
    np.testing.assert_array_equal(model.transform(X), known.transform(X))
    with pytest.raises(FileNotFoundError, match=r"init_from='nowhere\.sklann': there is no such file"):
        DenseClassifier(init_from="nowhere.sklann").fit(X, y)
    with pytest.raises(FileNotFoundError, match="is a folder"):
        DenseClassifier(init_from=tmp_path).fit(X, y)
    with pytest.raises(TypeError, match="init_from holds the class DenseClassifier"):
        DenseClassifier(init_from=DenseClassifier).fit(X, y)


def test_a_path_in_other_words_is_the_same_source_in_a_warm_start(digits, monkeypatch, tmp_path):
    X, y = digits
    known = DenseClassifier(max_epochs=1, random_state=0).fit(X, y)
    monkeypatch.setattr(sklearn_ann, "load", lambda _: known, raising=False)
    path = tmp_path / "there"
    path.touch()
    model = DenseClassifier(init_from=path, warm_start=True, max_epochs=1, random_state=0).fit(X, y)
    assert model.set_params(init_from=str(path)).fit(X, y).n_iter_ == 2
    with pytest.raises(ValueError, match="init_from has changed"):
        model.set_params(init_from=tmp_path / "elsewhere").fit(X, y)
