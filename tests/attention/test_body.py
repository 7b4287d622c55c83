"""The three kinds of attention keep the promises of their interface."""

import inspect

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from sklearn_ann import AttentionClassifier
from sklearn_ann.attention.body import AttentionBody
from sklearn_ann.attention.columns import ColumnBody
from sklearn_ann.attention.rows import RowBody
from sklearn_ann.attention.tokens import TokenBody
from sklearn_ann.layers import Dropout, Mutation

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
N_SAMPLES = 37  # unlike any width of the network
NOISE = Dropout, Mutation
BODIES = {"tokens": TokenBody, "columns": ColumnBody, "rows": RowBody}


@pytest.fixture(params=list(BODIES), scope="module")
def fitted(request):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N_SAMPLES, 3))
    if request.param == "tokens":
        X = ["".join(rng.choice(list("ACGT"), size=6)) for _ in range(N_SAMPLES)]
    settings = {"attend": request.param, "n_components": 16, "n_heads": 2, "n_neighbors": 5, "precision": "float64"}
    return X, AttentionClassifier(max_epochs=1, random_state=0, **settings).fit(X, np.arange(N_SAMPLES) % 3)


def test_attention_has_a_weight_for_each_named_key(fitted):
    X, model = fitted
    body, samples = model.module_.body, model.reader_.read(X)
    assert type(body) is BODIES[model.attend]
    with torch.no_grad():
        maps = body.attention(samples[torch.arange(4)])
    for names, weights in zip(body.key_names(model.reader_, samples)[:4], maps[0], strict=True):
        assert weights.shape[-1] == len(names)
    for layer in maps:
        torch.testing.assert_close(layer.sum(dim=-1), torch.ones(layer.shape[:-1], dtype=torch.float64))


def test_features_do_not_depend_on_the_batch(fitted):
    X, model = fitted
    body, samples = model.module_.body.eval(), model.reader_.read(X)
    with torch.no_grad():
        together = body(samples[torch.arange(N_SAMPLES)])
        alone = torch.cat([body(samples[torch.tensor([i])]) for i in range(5)])
    assert together.shape == (N_SAMPLES, 16)
    torch.testing.assert_close(alone, together[:5])


def test_weights_hold_no_samples(fitted):
    _, model = fitted
    assert all(N_SAMPLES not in tensor.shape for tensor in model.module_.state_dict().values())


@pytest.mark.parametrize("body", BODIES.values())
def test_defaults_replace_auto(body):
    class Plan:
        one_batch, examples = False, range(100)

    parameters = inspect.signature(AttentionClassifier).parameters
    for name, value in body.defaults(Plan()).items():
        assert parameters[name].default == "auto"
        assert value != "auto"


def test_an_incomplete_body_is_refused():
    class Incomplete(AttentionBody):
        def attention(self, batch):
            return []

    with pytest.raises(TypeError, match=r"build.*defaults.*key_names"):
        Incomplete()


def test_a_body_that_is_handed_on_may_have_other_noise(fitted):
    X, source = fitted
    y = np.arange(N_SAMPLES) % 2

    def shares(model):
        layers = model.module_.body.modules()
        return [layer.share if type(layer) is Mutation else layer.p for layer in layers if type(layer) in NOISE]

    begun = AttentionClassifier(init_from=FrozenEstimator(source), max_epochs=1, random_state=0)
    assert shares(begun.fit(X, y)) == shares(source)
    begun.set_params(dropout=0.45, mutation=0.15).fit(X, y)
    drawn = clone(source).set_params(dropout=0.45, mutation=0.15).fit(X, y)
    assert shares(begun) == shares(drawn) != shares(source)
    assert begun.resolved_parameters_.dropout == 0.45
    begun.set_params(warm_start=True, dropout=0.25).fit(X, y)
    assert shares(begun) == shares(drawn.set_params(dropout=0.25).fit(X, y))
