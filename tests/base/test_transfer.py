"""A network begins from the body of another one: what is handed on, what is frozen, and what is refused."""

import copy
import pickle

import numpy as np
import pytest
import torch
from discovery import BRIEF, NEURAL, data_for, name_of
from leaves import DenseClassifier
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from torch import nn

from sklearn_ann import (
    AttentionClassifier,
    AutoEncoderTransformer,
    CNNClassifier,
    CNNRegressor,
    GCNClassifier,
    RNNClassifier,
    TabularClassifier,
    TabularRegressor,
    VAESampler,
)
from sklearn_ann.base import NeuralClassifier
from sklearn_ann.base.supervised import NeuralPredictor
from sklearn_ann.layers import layers_of
from sklearn_ann.training import HeadStep

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
SUPERVISED = [estimator for estimator in NEURAL if issubclass(estimator, NeuralPredictor)]


class LinearClassifier(NeuralClassifier):
    """A head without a body."""

    def _body(self, plan):
        return nn.Identity(), plan.reader.columns.number


def state(module):
    return copy.deepcopy(module.state_dict())


def equal_states(one, other):
    return list(one) == list(other) and all(torch.equal(one[name], other[name]) for name in one)


def other_targets(estimator, y):
    """Three classes in the place of those of `y`, or two targets in the place of one."""
    return np.array(["a", "b", "c"])[np.arange(len(y)) % 3] if is_classifier(estimator()) else np.c_[y, -np.asarray(y)]


@pytest.fixture(scope="module")
def halves(digits):
    """Digits 0 to 4, and digits 5 to 9."""
    X, y = digits
    return (X[y < 5], y[y < 5]), (X[y >= 5], y[y >= 5])


@pytest.fixture(scope="module")
def source(halves):
    return DenseClassifier(hidden_layer_sizes=(24, 16), learning_rate=1e-2, max_epochs=20, random_state=0).fit(
        *halves[0]
    )


def begun(source, **settings):
    return DenseClassifier(**{"init_from": FrozenEstimator(source), "max_epochs": 5, "random_state": 1} | settings)


# --- Every supervised network ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("estimator", SUPERVISED, ids=name_of)
def test_frozen_body_stays_bit_equal_and_the_head_learns_other_targets(estimator, data):
    X, y = data[0][:90], data[1][:90]
    source = estimator(**BRIEF).fit(X, y)
    before = state(source.module_)
    model = estimator(init_from=FrozenEstimator(source), freeze="body", **BRIEF)
    new = other_targets(estimator, y)
    model.fit(X, new)
    assert equal_states(state(model.module_.body), state(source.module_.body))
    assert equal_states(state(source.module_), before)
    assert model.predict(X).shape == new.shape
    np.testing.assert_array_equal(model.transform(X), source.transform(X))
    again = estimator(init_from=FrozenEstimator(source), freeze="body", **BRIEF).fit(X, new)
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


@pytest.mark.parametrize("estimator", SUPERVISED, ids=name_of)
def test_layers_are_frozen_by_number_and_by_name_and_others_learn(estimator, data):
    X, y = data[0][:90], data[1][:90]
    source = FrozenEstimator(estimator(**BRIEF).fit(X, y))
    layers = layers_of(source.estimator.module_.body)
    first, *others = layers
    by_number = estimator(init_from=source, freeze=1, **BRIEF).fit(X, y)
    by_name = estimator(init_from=source, freeze=[first], **BRIEF).fit(X, y)
    assert equal_states(state(by_number.module_), state(by_name.module_))
    old, new = (dict(part.named_parameters()) for part in (source.estimator.module_.body, by_name.module_.body))
    still = {name for name in old if torch.equal(old[name], new[name])}
    assert still
    assert not others or still < set(old)
    with pytest.raises(ValueError, match=f"freeze has the name 'nowhere', but the body has {len(layers)} layers"):
        estimator(init_from=source, freeze=["nowhere"], **BRIEF).fit(X, y)
    with pytest.raises(ValueError, match=f"freeze={len(layers) + 1}, but the body has {len(layers)} layers"):
        estimator(init_from=source, freeze=len(layers) + 1, **BRIEF).fit(X, y)


# --- What a frozen body costs, and what it equals --------------------------------------------------------------------


@pytest.mark.parametrize("early_stopping", [False, True])
def test_frozen_body_and_new_head_equal_the_same_head_on_the_features_of_the_source(halves, source, early_stopping):
    X, y = halves[1]
    how = {"max_epochs": 30, "learning_rate": 1e-2, "early_stopping": early_stopping, "random_state": 1}
    model = begun(source, freeze="body", **how).fit(X, y)
    head = LinearClassifier(**how).fit(source.transform(X), y)
    np.testing.assert_allclose(model.predict_proba(X), head.predict_proba(source.transform(X)), rtol=0, atol=1e-5)
    assert model.n_iter_ == head.n_iter_
    assert model.best_epoch_ == head.best_epoch_
    np.testing.assert_allclose(model.history_["loss"], head.history_["loss"], rtol=1e-5)


@pytest.mark.parametrize("settings", [{}, {"n_estimators": 3}, {"freeze": 2}, {"precision": "float64"}])
def test_body_runs_once_for_each_sample(halves, source, settings):
    X, y = halves[1]
    model = begun(source, **{"freeze": "body"} | settings).fit(X, y, X_val=X[:20], y_val=y[:20])
    assert isinstance(model._learner, HeadStep)
    seen = 0

    def count(module, inputs):
        nonlocal seen
        seen += len(inputs[0])

    counted = FrozenEstimator(copy.deepcopy(source))
    counted.estimator.module_.body.register_forward_pre_hook(count)
    begun(source, freeze="body", init_from=counted, max_epochs=7).fit(X, y, X_val=X[:16], y_val=y[:16])
    assert seen <= len(X) + 16 + 2 * 16  # batches of a prediction are filled up


@pytest.mark.parametrize("n_estimators", [1, 3])
def test_members_and_networks_have_heads_of_their_own(halves, n_estimators):
    (X, y), (X_new, y_new) = halves
    source = TabularClassifier(max_epochs=3, random_state=0).fit(X, y)
    settings = {"n_estimators": n_estimators, "max_epochs": 10, "random_state": 1}
    frozen = FrozenEstimator(source)
    model = TabularClassifier(init_from=frozen, freeze="body", **settings).fit(X_new, y_new)
    heads = [network.head.weight for network in model.module_.parts]
    assert len(heads) == n_estimators
    assert all(not torch.equal(heads[0], other) for other in heads[1:])
    assert all(equal_states(state(part.body), state(source.module_.body)) for part in model.module_.parts)
    assert model.score(X_new, y_new) > 0.5


def test_partial_fit_validation_data_and_weights_go_the_same_way(halves, source):
    X, y = halves[1]
    model, head = begun(source, freeze="body"), LinearClassifier(max_epochs=5, random_state=1)
    weight = np.linspace(0, 2, len(y))
    for _ in range(3):
        model.partial_fit(X, y, sample_weight=weight)
        head.partial_fit(source.transform(X), y, sample_weight=weight)
    np.testing.assert_allclose(model.predict_proba(X), head.predict_proba(source.transform(X)), rtol=0, atol=1e-5)
    assert equal_states(state(model.module_.body), state(source.module_.body))
    assert len(model.history_["loss"]) == 3


def test_frozen_body_of_a_recurrent_network_that_predicts_steps():
    X = np.random.default_rng(0).normal(size=(40, 12)).round(2)
    y = (X > 0).astype(int)
    source = RNNClassifier(output="sequence", **BRIEF).fit(X, y)
    model = RNNClassifier(init_from=FrozenEstimator(source), freeze="body", output="sequence", **BRIEF).fit(X, 1 - y)
    assert equal_states(state(model.module_.body), state(source.module_.body))
    assert np.shape(model.predict(X)) == y.shape


# --- Freezing, thawing and learning rates ----------------------------------------------------------------------------


def test_augmentation_and_normalisation_of_a_frozen_body_are_off():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 12, 12)), np.arange(60) % 3
    settings = {"augmentation": {"noise": 1.0}, "dropout": 0.5, "max_epochs": 2, "random_state": 0}
    source = FrozenEstimator(CNNClassifier(**settings).fit(X, y))
    part = CNNClassifier(init_from=source, freeze=["blocks"], **settings).fit(X + 3, y)
    new, old = part.module_.body, source.estimator.module_.body
    assert equal_states(state(new.blocks), state(old.blocks))
    assert equal_states(state(new.norm), state(old.norm))  # has no weights, and belongs to the layer after it
    assert not equal_states(state(new.dense), state(old.dense))
    whole = CNNClassifier(init_from=source, freeze="body", max_epochs=2, random_state=0).fit(X, y)
    features = source.estimator.transform(X)
    head = LinearClassifier(max_epochs=2, learning_rate=2e-3, learning_rate_schedule="cosine", random_state=0)
    head.fit(features, y)
    np.testing.assert_allclose(whole.predict_proba(X), head.predict_proba(features), atol=1e-5)


def test_layers_thaw_from_the_head_on(halves, source):
    X, y = halves[1]
    names = list(layers_of(source.module_.body))
    assert len(names) == 2
    old = state(source.module_.body)

    def moved(max_epochs):
        model = begun(source, freeze="body", unfreeze_every=2, max_epochs=max_epochs, tol=1.0, n_iter_no_change=1)
        new = state(model.fit(X, y).module_.body)
        return [not torch.equal(new[f"{name}.weight"], old[f"{name}.weight"]) for name in names], model.n_iter_

    assert moved(2) == ([False, False], 2)
    assert moved(4) == ([False, True], 4)
    assert moved(5) == ([True, True], 5)  # patience waits until all layers learn
    with pytest.raises(ValueError, match="unfreeze_every=2, but freeze='none' freezes no layer"):
        begun(source, unfreeze_every=2).fit(X, y)


def test_learning_rates_of_layers(halves, source):
    X, y = halves[1]

    def by_layer(model):
        names = {id(weight): name for name, weight in model.module_.named_parameters()}
        groups = model._learner.optimizers[0].param_groups
        of = {names[id(weight)]: group["lr"] for group in groups for weight in group["params"]}
        return np.array([of[f"{layer}.weight"] for layer in ("body.0", "body.2", "head")])

    def rates(**settings):
        model = begun(source, learning_rate=1e-2, **settings).partial_fit(X, y)
        found = by_layer(model)
        assert model.history_["learning_rate"] == [1e-2]
        model.set_params(learning_rate=1e-3).partial_fit(X, y)
        np.testing.assert_allclose(by_layer(model), found / 10)
        return found.tolist()

    assert rates() == [1e-2] * 3
    assert rates(body_learning_rate=0.1) == pytest.approx([1e-3, 1e-3, 1e-2])
    assert rates(layer_learning_rates=0.5) == pytest.approx([0.25e-2, 0.5e-2, 1e-2])
    assert rates(layer_learning_rates={"0": 0.1}, body_learning_rate=0.5) == pytest.approx([5e-4, 5e-3, 1e-2])
    assert rates(layer_learning_rates={"head": 3}) == pytest.approx([1e-2, 1e-2, 3e-2])
    with pytest.raises(ValueError, match="has the name 'third', but the layers are, from the input on: 0, 2, head"):
        rates(layer_learning_rates={"third": 1.0})
    with pytest.raises(ValueError, match=r"layer_learning_rates\['0'\]=-1: expected a number above zero"):
        rates(layer_learning_rates={"0": -1})


def test_slow_body_moves_less(halves, source):
    X, y = halves[1]
    old = source.module_.body[0].weight

    def distance(rate):
        model = begun(source, body_learning_rate=rate, learning_rate_schedule="cosine").fit(X, y)
        return float((model.module_.body[0].weight - old).detach().norm())

    assert distance(0.01) < 0.1 * distance(1.0)


# --- Other beginnings ------------------------------------------------------------------------------------------------


def test_classifier_and_regressor_begin_from_each_other(halves):
    (X, y), (X_new, y_new) = halves
    source = TabularClassifier(max_epochs=5, random_state=0).fit(X, y)
    model = TabularRegressor(init_from=FrozenEstimator(source), max_epochs=20, random_state=0).fit(X_new, y_new)
    assert model.score(X_new, y_new) > 0.5
    assert model.resolved_parameters_.hidden_layer_sizes == source.resolved_parameters_.hidden_layer_sizes


@pytest.mark.parametrize("auto_encoder", [AutoEncoderTransformer, VAESampler])
def test_auto_encoders_hand_on_their_encoders(halves, auto_encoder):
    X, y = halves[0]
    source = auto_encoder(n_components=12, max_epochs=5, random_state=0).fit(np.r_[X, halves[1][0]])
    model = TabularClassifier(init_from=FrozenEstimator(source), freeze="body", random_state=0).fit(X, y)
    np.testing.assert_allclose(model.transform(X), source.transform(X), rtol=1e-5, atol=1e-6)
    learning = TabularClassifier(init_from=FrozenEstimator(source), random_state=0).fit(X, y)
    assert learning.score(X, y) > model.score(X, y)
    assert learning.resolved_parameters_.n_members is None
    assert clone(learning).fit(X, y).score(X, y) == learning.score(X, y)
    with pytest.raises(ValueError, match=r"n_members=3, but the body of init_from.*has no n_members"):
        TabularClassifier(init_from=FrozenEstimator(source), n_members=3).fit(X, y)
    with pytest.raises(TypeError, match="begin from: expected RNNClassifier"):
        RNNClassifier(init_from=FrozenEstimator(source)).fit(X, y)


@pytest.mark.parametrize("auto_encoder", [AutoEncoderTransformer, VAESampler])
def test_convolutional_encoders_become_bodies_of_cnns(halves, auto_encoder):
    X, y = halves[0]
    settings = {"architecture": "conv", "image_shape": (8, 8), "n_components": 8, "max_epochs": 2, "random_state": 0}
    source = auto_encoder(**settings).fit(X)
    model = CNNClassifier(init_from=FrozenEstimator(source), image_shape=(8, 8), max_epochs=20, random_state=0)
    model.fit(X, y)
    assert model.score(X, y) > 0.6
    np.testing.assert_array_equal(model.predict(X.reshape(-1, 8, 8)), model.predict(X))
    with pytest.raises(ValueError, match="motifs needs sequences"):
        model.motifs()
    with pytest.raises(AttributeError, match=f"that of {auto_encoder.__name__}, which has no"):
        model.feature_maps(X)


class Mean(nn.Module):
    """A foreign body: a convolution that another program has trained."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(1, 6, 3)
        self.norm = nn.BatchNorm2d(6)

    def forward(self, x):
        return self.norm(self.convolution(x)).relu().mean(dim=(2, 3))


def test_a_torch_module_is_a_body(halves):
    X, y = halves[0]
    torch.manual_seed(0)
    module = Mean().train()
    before = state(module)
    settings = {"image_shape": (8, 8), "max_epochs": 3, "random_state": 0}
    frozen = CNNClassifier(init_from=module, freeze="body", **settings).fit(X, y)
    assert equal_states(state(frozen.module_.body.module), before)
    learning = clone(frozen).set_params(freeze=["convolution"]).fit(X, y)
    assert equal_states(state(learning.module_.body.module.convolution), state(module.convolution))
    assert equal_states(state(module), before)
    assert frozen.transform(X).shape == (len(X), 6)
    with pytest.raises(ValueError, match=r"init_from=Mean does not take a batch of shape \(1, 1, 64\)"):
        CNNClassifier(init_from=module, sample_type="signal").fit(X, y)
    with pytest.raises(ValueError, match=r"init_from=Identity returns \(1, 1, 8, 8\)"):
        CNNClassifier(init_from=nn.Identity(), image_shape=(8, 8)).fit(X, y)
    with pytest.raises(ValueError, match="conv_layers="):
        CNNClassifier(init_from=module, image_shape=(8, 8), conv_layers=((4, 3),)).fit(X, y)
    with pytest.raises(TypeError, match="whose network DenseClassifier cannot begin from"):
        DenseClassifier(init_from=module).fit(X, y)


def test_rows_of_the_source_are_recalled_with_attention_to_rows(halves):
    (X, y), (X_new, y_new) = halves
    settings = {"attend": "rows", "n_components": 16, "random_state": 0}
    source = AttentionClassifier(**settings, max_epochs=2).fit(X, y)
    model = AttentionClassifier(init_from=FrozenEstimator(source), max_epochs=20, **settings).fit(X_new, y_new)
    assert model.score(X_new, y_new) > 0.5
    positions, _ = model.neighbors(X_new[:3])
    assert positions.max() < len(X)


# --- The reader is handed on -----------------------------------------------------------------------------------------


def test_columns_scaling_and_categories_of_the_source_are_used():
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    many = pd.DataFrame({"size": rng.normal(10, 3, 80), "kind": rng.choice(list("abc"), 80)})
    source = TabularClassifier(max_epochs=2, random_state=0).fit(many, many["size"] > 10)
    few = many[:30][["size", "kind"]]
    model = TabularClassifier(init_from=FrozenEstimator(source), max_epochs=2, random_state=0).fit(few, few.kind == "a")
    np.testing.assert_array_equal(model.reader_.read(few).numbers, source.reader_.read(few).numbers)
    assert model.categorical_features_ == ["kind"]
    with pytest.raises(ValueError, match="feature names"):
        clone(model).fit(few.rename(columns={"size": "length"}), few.kind)


def test_data_that_do_not_fit_the_reader_are_refused(halves, source):
    X, y = halves[1]
    with pytest.raises(ValueError, match=f"X has 5 features, but DenseClassifier is expecting {X.shape[1]} features"):
        begun(source).fit(X[:, :5], y)
    dna = AttentionClassifier(max_epochs=1, random_state=0).fit(["ACGT", "GGTTA"] * 5, [0, 1] * 5)
    with pytest.raises(ValueError, match="letter"):
        AttentionClassifier(init_from=FrozenEstimator(dna)).fit(["MKWL", "HHEE"] * 5, [0, 1] * 5)
    named = AttentionClassifier(init_from=FrozenEstimator(dna), alphabet="dna", max_epochs=1).fit(
        ["ACGT", "GT"], [0, 1]
    )
    assert named.resolved_parameters_.alphabet == "dna"
    with pytest.raises(ValueError, match="alphabet='protein', but the body of init_from"):
        AttentionClassifier(init_from=FrozenEstimator(dna), alphabet="protein").fit(["ACGT", "GGTTA"], [0, 1])


# --- scikit-learn ----------------------------------------------------------------------------------------------------


def test_grid_search_over_beginnings_and_frozen_layers(halves, source):
    X, y = halves[1]
    frozen = FrozenEstimator(source)
    grid = [{"init_from": [None]}, {"init_from": [frozen], "freeze": ["none", "body", 1]}]
    model = DenseClassifier(hidden_layer_sizes=(24, 16), max_epochs=10, learning_rate=1e-2, random_state=0)
    search = GridSearchCV(model, grid, cv=2, n_jobs=2, error_score="raise").fit(X, y)
    assert len(search.cv_results_["mean_test_score"]) == 4
    assert len(set(search.cv_results_["mean_test_score"])) > 1
    alone = GridSearchCV(model, grid, cv=2, error_score="raise").fit(X, y)
    np.testing.assert_array_equal(alone.cv_results_["mean_test_score"], search.cv_results_["mean_test_score"])


def test_clone_pickle_and_parameters_set_later(halves, source):
    X, y = halves[1]
    model = begun(source, freeze=1).fit(X, y)
    assert clone(model).init_from.estimator is source
    np.testing.assert_array_equal(clone(model).fit(X, y).predict_proba(X), model.predict_proba(X))
    expected = model.predict_proba(X)
    model.set_params(init_from=None, freeze="body", body_learning_rate=0.5, hidden_layer_sizes=(3,))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X), expected)
    assert model.resolved_parameters_.hidden_layer_sizes == (24, 16)


def test_other_seeds_draw_other_heads(halves, source):
    X, y = halves[1]
    one, other, again = (begun(source, freeze="body", random_state=seed).fit(X, y) for seed in (0, 1, 0))
    assert not np.array_equal(one.predict_proba(X), other.predict_proba(X))
    np.testing.assert_array_equal(one.predict_proba(X), again.predict_proba(X))


def test_warm_start_thaws_what_the_first_fit_froze(halves, source):
    X, y = halves[1]
    model = begun(source, freeze="body", warm_start=True).fit(X, y)
    frozen = state(model.module_.body)
    assert equal_states(frozen, state(source.module_.body))
    model.set_params(freeze="none", body_learning_rate=0.1).fit(X, y)
    assert not equal_states(frozen, state(model.module_.body))
    assert model.n_iter_ == 10
    model.set_params(init_from=FrozenEstimator(model.init_from.estimator)).fit(X, y)
    with pytest.raises(ValueError, match=r"hidden_layer_sizes=\(3,\), but the body"):
        copy.deepcopy(model).set_params(hidden_layer_sizes=(3,)).fit(X, y)
    with pytest.raises(ValueError, match="continues the 1 networks of the previous fit, but n_estimators=2"):
        copy.deepcopy(model).set_params(n_estimators=2).fit(X, y)
    copy.deepcopy(model).set_params(hidden_layer_sizes=(3,)).partial_fit(X, y)  # reads parameters of training only
    with pytest.raises(ValueError, match="init_from has changed, but warm_start=True"):
        model.set_params(init_from=FrozenEstimator(copy.deepcopy(model))).fit(X, y)


def test_body_that_was_frozen_learns_again(halves, source):
    X, y = halves[1]
    frozen = begun(source, freeze="body").fit(X, y)
    model = begun(source, init_from=FrozenEstimator(frozen)).fit(X, y)
    assert not equal_states(state(model.module_.body), state(source.module_.body))


# --- Bad input -------------------------------------------------------------------------------------------------------


def test_what_is_no_beginning_is_refused(halves, source):
    X, y = halves[1]
    with pytest.raises(TypeError, match=r"init_from is a DenseClassifier.*FrozenEstimator\(denseclassifier\)"):
        begun(source, init_from=source).fit(X, y)
    with pytest.raises(NotFittedError, match="init_from holds a DenseClassifier that is not fitted"):
        begun(source, init_from=FrozenEstimator(DenseClassifier())).fit(X, y)
    with pytest.raises(TypeError, match="init_from holds a LogisticRegression"):
        begun(source, init_from=FrozenEstimator(LogisticRegression().fit(X, y))).fit(X, y)
    with pytest.raises(TypeError, match="of a pipeline, give the fitted network alone"):
        begun(source, init_from=FrozenEstimator(make_pipeline(source))).fit(X, y)
    with pytest.raises(TypeError, match="init_from holds a dict"):
        begun(source, init_from={}).fit(X, y)
    with pytest.raises(TypeError, match="holds DenseClassifier, whose network GCNClassifier cannot begin from"):
        GCNClassifier(init_from=FrozenEstimator(source)).fit(*data_for(GCNClassifier))
    with pytest.raises(ValueError, match=r"hidden_layer_sizes=\(9,\), but the body.*has hidden_layer_sizes=\(24, 16\)"):
        begun(source, hidden_layer_sizes=(9,)).fit(X, y)
    begun(source, hidden_layer_sizes=[24, 16]).fit(X, y)
    with pytest.raises((ValueError, OSError), match=r"model\.sklann"):
        begun(source, init_from="model.sklann").fit(X, y)


def test_freezing_without_a_beginning_or_by_a_truth_value_is_refused(halves, source):
    X, y = halves[1]
    with pytest.raises(ValueError, match="freeze='body' without init_from"):
        DenseClassifier(freeze="body").fit(X, y)
    with pytest.raises(ValueError, match=r"freeze=np.int64\(1\) without init_from"):
        DenseClassifier(freeze=np.int64(1)).fit(X, y)
    with pytest.raises(ValueError, match="freeze=True: expected"):
        begun(source, freeze=True).fit(X, y)
    with pytest.raises(ValueError, match="'freeze' parameter"):
        begun(source, freeze="head").fit(X, y)


def test_a_failed_fit_leaves_the_estimator_as_it_was(halves, source):
    X, y = halves[1]
    model = begun(source).fit(X, y)
    expected = model.predict_proba(X)
    with pytest.raises(ValueError, match="nowhere"):
        model.set_params(freeze=["nowhere"]).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), expected)


def test_networks_of_images_begin_from_another_size(halves):
    X, y = halves[0]
    source = CNNRegressor(image_shape=(8, 8), global_pooling="max", max_epochs=1, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match=r"image_shape=\(4, 4\), but the body of init_from"):
        CNNClassifier(init_from=FrozenEstimator(source), image_shape=(4, 4)).fit(X[:, :16], y)
    with pytest.raises(ValueError, match="16 features"):
        CNNClassifier(init_from=FrozenEstimator(source)).fit(X[:, :16], y)
