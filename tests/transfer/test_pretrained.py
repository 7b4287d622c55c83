"""Features of networks that were trained elsewhere."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import softmax
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sklearn_ann import AttentionClassifier, CNNClassifier, PretrainedTransformer, SequenceEncoder, TabularClassifier
from tests.pretrained import Antibody, ResNet20, antibody, antibody_codes, as_cifar

X = np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32)
STRINGS = ["ACGT", "GG", "ACGTAC", "TT", "CAGT"]
HUGE = {"weight": np.ones((1, 6)), "bias": np.array([1e300])}  # finite in float64 alone


def codes(string):
    return ["ACGT".index(letter) for letter in string]


class Letters(nn.Module):
    """A small encoder of letters; its first block returns (length, batch, width)."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(4, 8)
        self.block = nn.TransformerEncoderLayer(8, 2, 16, batch_first=False)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        return {"logits": self.head(self.block(self.embedding(x).transpose(0, 1)).transpose(0, 1))}


def dense():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Dropout(0.5), nn.Linear(5, 3))


def test_features_are_the_outputs_of_layers_in_evaluation_mode():
    network = dense()
    features = PretrainedTransformer(network, layer=["1", "3"]).fit_transform(X)
    hidden = torch.relu(network[0](torch.from_numpy(X)))
    expected = torch.cat([hidden, network[3](hidden)], dim=1).detach().numpy()
    np.testing.assert_allclose(features, expected, rtol=1e-5, atol=1e-6)
    assert network.training  # the user's own network is left alone


def test_a_string_has_the_same_features_whatever_is_beside_it():
    torch.manual_seed(0)
    model = PretrainedTransformer(Letters(), codes, layer=["block", "output"], batch_size=3).fit(STRINGS)
    together = model.transform(STRINGS)
    assert together.shape == (5, 11)
    alone = np.vstack([model.transform([string]) for string in STRINGS])
    np.testing.assert_allclose(together, alone, atol=1e-6)
    for wrapped in (np.array(STRINGS), pd.Series(STRINGS), pd.DataFrame({"s": STRINGS}), tuple(STRINGS)):
        np.testing.assert_array_equal(model.transform(wrapped), together)


@pytest.mark.parametrize("n", [2, 3, 4, 8])
def test_the_axis_of_the_samples_is_found_whatever_the_length(n):
    model = PretrainedTransformer(Letters(), codes, layer="block").fit(["ACGT"[:n] * 1])
    strings = ["ACGT", "CCGT", "ACTT", "AAAA", "GGTA", "CAGT", "TTTT", "CGCG"][:n]
    np.testing.assert_allclose(model.transform(strings)[:1], model.transform(strings[:1]), atol=1e-6)


def test_special_tokens_are_left_out():
    model = Letters()
    whole = PretrainedTransformer(model, codes, pooling="flatten").fit(["ACGTA"]).transform(["ACGTA"]).reshape(5, 3)
    for pooling, expected in (
        ("mean", whole[1:-1].mean(axis=0)),
        ("max", whole[1:-1].max(axis=0)),
        ("first", whole[1]),
    ):
        inner = PretrainedTransformer(model, codes, pooling=pooling, special_tokens=(1, 1)).fit(["ACGTA"])
        np.testing.assert_allclose(inner.transform(["ACGTA"])[0], expected, atol=1e-6)
    with pytest.raises(ValueError, match="leaves no position"):
        PretrainedTransformer(model, codes, special_tokens=(1, 1)).fit(["AC"])


def test_a_fitted_transformer_prepares_samples():
    encoder = SequenceEncoder().fit(STRINGS)
    network = nn.Linear(encoder.transform(STRINGS).shape[1], 2)
    model = PretrainedTransformer(network, FrozenEstimator(encoder)).fit(STRINGS)
    expected = network(torch.as_tensor(encoder.transform(STRINGS), dtype=torch.float32)).detach().numpy()
    np.testing.assert_allclose(clone(model).fit(STRINGS).transform(STRINGS), expected, atol=1e-6)
    with pytest.raises(ValueError, match="preprocess is a SequenceEncoder that is not fitted"):
        PretrainedTransformer(network, SequenceEncoder()).fit(STRINGS)


@pytest.mark.parametrize("kind", ["dict", "npz", "safetensors", "pt", "wrapped", "parallel"])
def test_weights_come_from_files_and_dictionaries(tmp_path, kind):
    from safetensors.torch import save_file

    source, other = dense(), nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Dropout(0.5), nn.Linear(5, 3))
    state = source.state_dict()
    if kind == "dict":
        given = {name: tensor.numpy() for name, tensor in state.items()}
    elif kind == "parallel":
        given = {f"module.{name}": tensor for name, tensor in state.items()}
    else:
        path = tmp_path / f"weights.{'pt' if kind == 'wrapped' else kind}"
        given = path
        if kind == "npz":
            np.savez(path, **{name: tensor.numpy() for name, tensor in state.items()})
        elif kind == "safetensors":
            save_file(state, path)
        else:
            torch.save({"state_dict": state, "epoch": 3} if kind == "wrapped" else state, path)
    found = PretrainedTransformer(other, state=given).fit_transform(X)
    np.testing.assert_array_equal(found, PretrainedTransformer(source).fit_transform(X))


def test_pickles_clones_and_names():
    model = PretrainedTransformer(dense, layer="0").fit(pd.DataFrame(X, columns=list("abcdef")))
    again = pickle.loads(pickle.dumps(model))
    frame = pd.DataFrame(X, columns=list("abcdef"))
    np.testing.assert_array_equal(again.transform(frame), model.transform(frame))
    assert model.get_feature_names_out().tolist() == [f"pretrainedtransformer{i}" for i in range(5)]
    assert model.set_output(transform="pandas").transform(frame).shape == (20, 5)
    with pytest.raises(ValueError, match="feature names"):
        model.transform(frame[list("fedcba")])
    model.set_params(layer="3", batch_size=7)
    assert model.transform(frame).shape == (20, 5)  # of the fit


def test_it_works_in_a_search():
    y = X[:, 0] > 0
    pipe = make_pipeline(StandardScaler(), PretrainedTransformer(dense(), layer="0"), LogisticRegression())
    assert cross_val_score(pipe, X, y, cv=2, n_jobs=2).shape == (2,)


@pytest.mark.parametrize(
    ("options", "data", "error", "message"),
    [
        ({"module": None}, X, ValueError, "module is None"),
        ({"module": 3}, X, TypeError, "module of PretrainedTransformer is int"),
        ({"module": lambda: 3}, X, TypeError, "a callable that returns a int"),
        ({"module": dense, "layer": "7"}, X, ValueError, "layer='7' is not a submodule of module"),
        ({"module": dense, "layer": []}, X, ValueError, "layer is empty"),
        ({"module": dense, "special_tokens": 1}, X, ValueError, "special_tokens=1"),
        ({"module": dense, "preprocess": 3}, X, TypeError, "preprocess is a int"),
        ({"module": dense, "state": 3}, X, TypeError, "state is a int"),
        ({"module": dense, "state": {"0.weight": np.ones((5, 6))}}, X, ValueError, "it lacks 0.bias, 3.weight, 3.bias"),
        ({"module": dense, "state": {"a": "b"}}, X, TypeError, r"state\['a'\] is a str"),
        ({"module": dense, "state": "nowhere.npz"}, X, FileNotFoundError, "no such file"),
        ({"module": dense}, X[:, :3], ValueError, r"sample 0: module fails on samples of shape \(3,\)"),
        ({"module": dense}, STRINGS, TypeError, "expected numbers; preprocess turns samples into numbers"),
        ({"module": dense}, X[:0], ValueError, "0 sample"),
        ({"module": dense}, np.full((2, 6), np.nan), ValueError, "NaN"),
        (
            {"module": Letters, "preprocess": codes},
            ["ACGT", "ACNT"],
            ValueError,
            "preprocess raises ValueError for sample 1",
        ),
        ({"module": Letters, "preprocess": codes}, ["", "A"], ValueError, "sample 0 is empty"),
        ({"module": Letters, "preprocess": lambda _: [9, 9]}, ["A"], ValueError, "sample 0: module fails"),
        ({"module": lambda: nn.GRU(6, 4)}, X[:0], ValueError, "0 sample"),
        ({"module": dense}, X[:0, :, None], ValueError, r"X is empty, of shape \(0, 6, 1\)"),
        ({"module": dense}, np.ones((3, 6), dtype=int), ValueError, "whole numbers, which are read as codes"),
        ({"module": dense, "layer": ["1", "1"]}, X, ValueError, "has a name twice"),
        ({"module": lambda: nn.Linear(6, 2, device="meta")}, X, ValueError, "module has no numbers in its weights"),
        ({"module": nn.Linear(6, 1), "state": HUGE}, X, ValueError, "module has NaN or infinity in its weights 'bias'"),
    ],
)
def test_bad_input_is_named(options, data, error, message):
    with pytest.raises(error, match=message):
        PretrainedTransformer(**options).fit(data)


def test_networks_whose_features_depend_on_the_batch_are_refused():
    class Random(nn.Module):
        def forward(self, x):
            return x + torch.rand_like(x)

    class Batch(nn.Module):
        def forward(self, x):
            return x / x.sum(dim=0)

    for module in (Random(), Batch()):
        with pytest.raises(ValueError, match="depend on what else is in the batch"):
            PretrainedTransformer(module).fit(X)


def test_a_layer_is_read_before_the_next_one_works_in_place():
    linear = nn.Linear(6, 5)
    model = PretrainedTransformer(nn.Sequential(linear, nn.ReLU(inplace=True)), layer=["0", "output"]).fit(X)
    plain = PretrainedTransformer(linear).fit_transform(X)
    np.testing.assert_array_equal(model.transform(X), np.hstack([plain, plain.clip(0)]))


def test_features_have_the_type_of_precision():
    for change in (torch.Tensor.double, torch.Tensor.half, lambda x: x.argmax(dim=1)):
        network = nn.Sequential(nn.Linear(6, 5))
        network.register_forward_hook(lambda _, __, output, change=change: change(output))
        assert PretrainedTransformer(network).fit_transform(X).dtype == np.float32
    network.register_forward_hook(lambda _, __, output: output + 1j)
    with pytest.raises(TypeError, match="module returns complex numbers"):
        PretrainedTransformer(network).fit(X)


def test_a_sample_that_the_network_fails_on_is_named():
    model = PretrainedTransformer(Letters(), lambda string: [len(string)]).fit(["A"])
    with pytest.raises(ValueError, match=r"sample 2: module fails on samples of shape \(1,\)"):
        model.transform(["A", "AA", "AAAAA", "AAAAAA"])
    classifier = AttentionClassifier(init_from=model, freeze="body", max_epochs=1).fit(["A", "AA"], [0, 1])
    with pytest.raises(ValueError, match="module fails on samples of shape"):
        classifier.predict(["AAAAA"])


def test_what_a_network_raises_is_told_with_the_sample():
    class Short(nn.Module):
        def forward(self, x):
            assert x.shape[1] < 4, "too long"
            return x.float()

    model = PretrainedTransformer(Short(), codes).fit(["ACG"])
    with pytest.raises(ValueError, match=r"sample 1: module fails on samples of shape \(5,\).*: too long"):
        model.transform(["AC", "ACGTA"])


def test_layers_of_others_draw_from_the_random_state():
    network = nn.Sequential(nn.Linear(6, 5), nn.Dropout(0.5), nn.Linear(5, 3))
    predictions, images = [], X.reshape(20, 1, 2, 3)
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        body = PretrainedTransformer(nn.Sequential(nn.Flatten(), network), layer="1.2")
        model = CNNClassifier(init_from=body, max_epochs=3, random_state=0).fit(images, np.arange(20) % 2)
        predictions.append(model.predict_proba(images))
        assert torch.equal(torch.get_rng_state(), before)
    np.testing.assert_array_equal(*predictions)


def test_an_architecture_draws_the_same_weights_each_time():
    before = torch.get_rng_state()
    one, other = (PretrainedTransformer(lambda: nn.Linear(6, 2)).fit_transform(X) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_state_is_moved_nowhere_and_the_generator_is_left_alone():
    network = dense()
    before = torch.get_rng_state()
    PretrainedTransformer(network).fit(X).transform(X)
    assert torch.equal(before, torch.get_rng_state())
    assert all(parameter.requires_grad for parameter in network.parameters())


# --- A foreign network that learns on ---


def test_a_foreign_network_learns_on_under_a_new_head():
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    strings = ["".join(rng.choice(list("ACGT"), size=n)) for n in rng.integers(4, 9, 60)]
    y = np.array(["yes" if string.count("A") > 1 else "no" for string in strings])
    features = PretrainedTransformer(Letters(), codes, layer="block")
    model = AttentionClassifier(init_from=features, max_epochs=15, learning_rate=1e-2, random_state=0)
    assert model.fit(strings, y).score(strings, y) > 0.9
    assert model.resolved_parameters_.learning_rate == 1e-2
    frozen = AttentionClassifier(init_from=features, freeze="body", max_epochs=3, random_state=0).fit(strings, y)
    assert frozen.resolved_parameters_.learning_rate == 1e-3
    np.testing.assert_array_equal(frozen.transform(strings), features.fit(strings).transform(strings))
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(strings), model.predict_proba(strings))
    with pytest.raises(ValueError, match="init_from gave it a network of torch"):
        model.attention_maps(strings)


def test_images_and_layers_of_a_foreign_network():
    images = list(np.random.default_rng(0).integers(0, 256, size=(12, 32, 32, 3), dtype=np.uint8))
    y = np.arange(12) % 3
    torch.manual_seed(0)
    features = PretrainedTransformer(ResNet20(), as_cifar, layer=["layer1", "layer3"])
    model = CNNClassifier(init_from=features, freeze=["layer1", "layer2"], max_epochs=1, random_state=0).fit(images, y)
    before, after = features.fit(images).module_.state_dict(), model.module_.body.module.state_dict()
    changed = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"conv1", "bn1", "layer3"}  # the layer behind takes no part in the features
    with pytest.raises(ValueError, match=r"freeze has the name 'body.3', but the body has \d+ layers, .*layer1.0"):
        CNNClassifier(init_from=features, freeze=["body.3"]).fit(images, y)
    grid = GridSearchCV(CNNClassifier(init_from=FrozenEstimator(features), max_epochs=1), {"freeze": ["body", 2]}, cv=2)
    assert np.isfinite(grid.fit(images, y).best_score_)


def test_estimators_of_tables_begin_from_no_foreign_network():
    with pytest.raises(TypeError, match="TabularClassifier cannot begin from"):
        TabularClassifier(init_from=PretrainedTransformer(dense())).fit(X, X[:, 0] > 0)


# --- Published networks --------------------------------------------------------------------------------------------


def test_the_antibody_language_model_gives_its_published_scores(real_data):
    """The first scores and the infilled sequence are those of the README of Sapiens (Prihoda et al. 2022)."""
    architecture, state = antibody(real_data("pretrained_sapiens_antibody_lm") / "sapiens_vh.npz")
    heavy = (
        "**QLV*SGVEVKKPGASVKVSCKASGYTFTNYYMYWVRQAPGQGLEWMGGINPSNGGTNFNEKFKNRVTLTTDSSTTTAYMELKSLQFDDTAVYYCARRDYRFDMGFDYW"
        "GQGTTVTVSS"
    )
    model = PretrainedTransformer(architecture, antibody_codes, state=state, pooling="flatten", special_tokens=(1, 1))
    scores = softmax(model.fit([heavy]).transform([heavy]).reshape(len(heavy), -1), axis=1)
    np.testing.assert_allclose(scores[0, 4:8], [0.003272, 0.004147, 0.004011, 0.004590], atol=1e-6)
    best = "".join(Antibody.alphabet[place] for place in scores[:, 4:24].argmax(axis=1))
    filled = "".join(new if old == "*" else old for old, new in zip(heavy, best, strict=True))
    assert filled.startswith("QVQLVQSG")


def test_the_resnet_reads_images(real_data):
    path = real_data("pretrained_resnet20_cifar10") / "resnet20_cifar10.npz"
    images = list(np.random.default_rng(0).integers(0, 256, size=(3, 32, 32, 3), dtype=np.uint8))
    stages = PretrainedTransformer(ResNet20, as_cifar, state=path, layer=["layer1", "layer2", "layer3"]).fit(images)
    assert stages.transform(images).shape == (3, 16 + 32 + 64)
    with np.load(path) as arrays:
        network = ResNet20().eval()
        network.load_state_dict({name: torch.from_numpy(arrays[name]) for name in arrays}, strict=False)
    batch = torch.as_tensor(np.stack([as_cifar(image) for image in images]), dtype=torch.float32)
    logits = PretrainedTransformer(ResNet20, as_cifar, state=path).fit(images).transform(images)
    np.testing.assert_allclose(logits, network(batch).detach().numpy(), rtol=1e-4, atol=1e-4)
