"""The skorch net around a trained network."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from leaves import DenseClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int)


@pytest.fixture
def model():
    settings = {"hidden_layer_sizes": (4,), "max_epochs": 3, "learning_rate": 0.02, "batch_size": 10}
    return DenseClassifier(random_state=0, **settings).fit(X, Y)


def test_the_net_shares_module_optimiser_and_settings(model):
    net = model.net_
    assert net.module_ is model.module_
    assert {id(p) for group in net.optimizer_.param_groups for p in group["params"]} == set(
        map(id, model.module_.parameters())
    )
    assert (net.lr, net.max_epochs, net.batch_size) == (0.02, 3, 10)


def test_the_net_computes_what_the_network_computes(model):
    with torch.no_grad():
        expected = model.module_(torch.from_numpy(X))
    net = model.net_
    np.testing.assert_allclose(net.forward(torch.from_numpy(X)), expected, atol=1e-6)
    np.testing.assert_allclose(net.predict_proba(X), expected, atol=1e-6)


def test_the_history_can_be_sliced(model):
    net = model.net_
    assert net.history[:, "loss"] == model.history_["loss"]
    assert net.history[-1, "learning_rate"] == 0.02
    assert len(net.history) == 3
    model.partial_fit(X, Y)
    assert len(net.history) == 3  # a copy


def test_training_the_net_trains_the_network(model):
    net, before = model.net_, model.predict_proba(X)
    target = torch.from_numpy(Y).float()[:, None]  # as the error of two classes wants it
    loss = float(net.get_loss(net.forward(torch.from_numpy(X)), target))
    assert loss == pytest.approx(-np.log(before[np.arange(40), Y]).mean(), rel=1e-4)
    net.partial_fit(X, target)
    assert not np.allclose(model.predict_proba(X), before)
    assert len(net.history) == 3 + net.max_epochs


def test_the_net_can_be_pickled(model):
    net = model.net_
    again = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(again.predict_proba(X), net.predict_proba(X))
    assert again.history[:, "loss"] == net.history[:, "loss"]


def test_neither_skorch_nor_pytorch_geometric_is_imported_unasked():
    code = (
        "import sys, sklearn_ann, sklearn_ann.training.adapter; "
        "found = {'skorch', 'torch_geometric'} & set(sys.modules); assert not found, found"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
