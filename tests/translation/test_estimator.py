import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.metrics import make_scorer
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_ann import SequenceTranslator
from sklearn_ann.datasets import make_reversal
from sklearn_ann.metrics import sequence_error_rate

ARCHITECTURES = ["gru", "transformer"]
SMALL = {"n_components": 24, "n_heads": 2, "random_state": 0}
every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)


@pytest.fixture(scope="module", params=ARCHITECTURES)
def fitted(request):
    """A model that reverses strings of one to five letters, its data, and strings that it has not seen."""
    X, y = make_reversal(800, length=(1, 5), letters="abcd", random_state=0)
    model = SequenceTranslator(
        architecture=request.param, n_components=32, max_epochs=40, dropout=0.0, batch_size=32, random_state=0
    )
    return model.fit(X, y), make_reversal(200, length=(1, 5), letters="abcd", random_state=1)


def test_reversal_is_learned(fitted):
    model, (X, y) = fitted
    assert model.score(X, y) > 0.98
    assert sequence_error_rate(y, model.predict(X)) < 0.05


def test_a_prediction_has_the_same_bits_alone_and_in_a_batch(fitted):
    model, (X, _) = fitted
    outputs, log_probabilities = model.predict_topk(X, 3)
    for index in range(15):
        alone, of_alone = model.predict_topk([X[index]], 3)
        assert alone[0].tolist() == outputs[index].tolist()
        assert of_alone[0].tolist() == log_probabilities[index].tolist()
    np.testing.assert_array_equal(model.transform(X[:1]), model.transform(X)[:1])


def test_the_best_of_k_is_the_prediction_of_as_many_beams(fitted):
    model, (X, _) = fitted
    outputs, log_probabilities = model.predict_topk(X, 4)
    assert outputs.shape == log_probabilities.shape == (200, 4)
    assert outputs[:, 0].tolist() == model.predict(X, n_beams=4).tolist()
    assert (log_probabilities < 0).all()
    assert np.exp(log_probabilities).sum(axis=1).max() <= 1 + 1e-5
    assert all(len(set(row)) == 4 for row in outputs)
    assert model.predict(X, n_beams=1).tolist() == model.predict(X).tolist()


def test_attention_reads_the_source_from_its_end(fitted):
    model, _ = fitted
    X = ["abcd", "dc", "a"]
    maps, keys, queries = model.attention_maps(X), model.token_names(X), model.query_names(X)
    assert keys == [list(x) for x in X]
    assert [list(name) for name in model.predict(X)] == queries
    for one, source, output in zip(maps, keys, queries, strict=True):
        assert one.shape[2:] == (len(output), len(source))
        np.testing.assert_allclose(one.sum(axis=-1), 1, rtol=1e-5)
    given = model.attention_maps(X, ["a", "bb", "ccc"])
    assert [one.shape[2] for one in given] == [1, 2, 3]
    assert model.query_names(X, ["a", "bb", "ccc"]) == [["a"], ["b", "b"], ["c", "c", "c"]]


def test_several_targets_may_be_valid(fitted):
    model, _ = fitted
    prediction = model.predict(["ab"])[0]
    assert model.score(["ab"], [{"zzzz", prediction}]) == 1.0
    assert model.score(["ab"], [{"zzzz"}]) < 1.0
    assert model.score(["ab", "ab"], [prediction, "zz"], sample_weight=[1, 0]) == 1.0


@every_architecture
def test_lists_of_tokens_words_and_strings(architecture):
    X = [["one"], ["two", "one"], ["two"]] * 20
    y = [["eins"], ["zwei", "eins"], ["zwei"]] * 20
    settings = SMALL | {"architecture": architecture, "max_epochs": 40, "learning_rate": 0.01}
    model = SequenceTranslator(**settings).fit(X, y)
    assert model.predict(X[:3]).tolist() == y[:3]
    words = [" ".join(x) for x in X], [" ".join(tokens) for tokens in y]
    model = SequenceTranslator(**settings, tokenizer=str.split, target_tokenizer=str.split).fit(*words)
    assert model.predict(words[0][:3]).tolist() == words[1][:3]
    assert model.score(*words) == 1.0
    assert list(model.vocabulary_) == ["one", "two"]
    assert model.target_vocabulary_ == {"eins": 1, "zwei": 2}


def test_lists_of_one_length_stay_lists():
    X, y = ["a", "b"] * 10, [["x", "y"], ["y", "x"]] * 10
    model = SequenceTranslator(**SMALL, max_epochs=40, learning_rate=0.01).fit(X, y)
    predictions = model.predict(["a", "b", "a"])
    assert predictions.shape == (3,)
    assert predictions.tolist() == [["x", "y"], ["y", "x"], ["x", "y"]]


@pytest.mark.filterwarnings("ignore:.* outputs were cut:UserWarning")
def test_series_columns_arrays_and_lists_are_the_same():
    X, y = make_reversal(60, length=(1, 4), letters="abc", random_state=0)
    settings = SMALL | {"max_epochs": 2}
    expected = SequenceTranslator(**settings).fit(X, y).predict(X).tolist()
    frame = pd.DataFrame({"word": X, "back": y}, index=np.arange(60) + 5)
    for kind_X, kind_y in (
        (np.array(X), np.array(y)),
        (frame["word"], frame["back"]),
        (frame[["word"]], frame["back"]),
    ):
        assert SequenceTranslator(**settings).fit(kind_X, kind_y).predict(kind_X).tolist() == expected


def test_in_a_pipeline_a_search_and_cross_validation():
    X, y = make_reversal(200, length=(1, 3), letters="abc", random_state=0)
    pipe = make_pipeline(
        FunctionTransformer(lambda X: [x.lower() for x in X]),
        SequenceTranslator(**SMALL, max_epochs=25, batch_size=16, learning_rate=0.01),
    )
    upper = [x.upper() for x in X]
    predictions = cross_val_predict(pipe, upper, y, cv=2)
    assert sequence_error_rate(y, predictions) < 0.1
    scorer = make_scorer(sequence_error_rate, greater_is_better=False)
    search = GridSearchCV(pipe, {"sequencetranslator__n_components": [24]}, cv=2, scoring=scorer).fit(upper, y)
    assert search.best_score_ > -0.1
    assert list(search.predict(["AB"])) == list(search.best_estimator_.predict(["AB"]))


@every_architecture
def test_a_sample_of_weight_two_is_there_twice_whatever_its_length(architecture):
    X, y = ["a", "abc", "bca", "cc"] * 2, ["xyz", "x", "yyx", "z"] * 2
    settings = SMALL | {
        "architecture": architecture,
        "precision": "float64",
        "batch_size": None,
        "max_epochs": 20,
        "dropout": 0.0,
    }
    weight = np.arange(8) % 3
    weighted = SequenceTranslator(**settings).fit(X, y, sample_weight=weight)
    repeated = SequenceTranslator(**settings).fit(np.repeat(X, weight), np.repeat(y, weight))
    np.testing.assert_allclose(weighted.transform(X), repeated.transform(X), rtol=1e-7, atol=1e-9)
    assert weighted.loss_ == pytest.approx(repeated.loss_, rel=1e-9)


@every_architecture
def test_outputs_that_never_end_are_cut_with_one_warning(architecture):
    model = SequenceTranslator(architecture=architecture, **SMALL, max_epochs=30).fit(["ab"] * 20, ["x" * 30] * 20)
    short = clone(model).set_params(max_length=4).fit(["ab"] * 20, ["x" * 30] * 20)
    with pytest.warns(UserWarning, match=r"2 of 2 outputs were cut .* sample 0, after 4 tokens") as caught:
        assert short.predict(["ab", "ba"]).tolist() == ["xxxx", "xxxx"]
    assert len(caught) == 1


@pytest.mark.filterwarnings("ignore:.* outputs were cut:UserWarning")
@pytest.mark.parametrize("max_length", [3, np.int64(3)])
def test_a_greatest_length_may_be_an_integer_of_numpy(max_length):
    model = SequenceTranslator(**SMALL, max_epochs=30, max_length=max_length).fit(["ab"] * 20, ["x" * 30] * 20)
    assert model.predict(["ab"]).tolist() == ["xxx"]


@pytest.mark.filterwarnings("ignore:.* outputs were cut:UserWarning")
@every_architecture
@pytest.mark.parametrize("cut", [False, True])
def test_log_probabilities_are_those_of_teacher_forcing(architecture, cut):
    X, y = make_reversal(60, length=(1, 4), letters="abcd", random_state=0)
    settings = SMALL | {"architecture": architecture, "precision": "float64"}
    model = SequenceTranslator(**settings, max_epochs=1, max_length=2).fit(X, y)
    with torch.no_grad():
        model.module_.output.bias[0] -= 2 * cut  # of the end
    outputs, log_probabilities = model.predict_topk(X[:1], 4)
    assert len(set(outputs[0])) == 4  # those that were cut too
    first = torch.tensor([0])
    for output, log_probability in zip(outputs[0], log_probabilities[0], strict=True):
        if output:
            target = model._coder.read([output])[first]
            with torch.no_grad():
                logits = model.module_(model._read(X[:1])[first], target)
            of_tokens = logits.log_softmax(dim=2).gather(2, target.codes[:, :, None])[0, :, 0].numpy()
            expected = of_tokens[:-1].sum() if cut else of_tokens.sum()
            assert log_probability == pytest.approx(expected, rel=1e-12)
    assert model.attention_maps(X[:1], ["a"])[0].dtype == np.float64


def test_a_length_penalty_is_a_small_power():
    for wrong in (-0.1, 100):
        with pytest.raises(ValueError, match=r"'length_penalty' parameter .* range"):
            SequenceTranslator(length_penalty=wrong).fit(["a"], ["b"])


@every_architecture
@pytest.mark.parametrize("n_heads", [3, 10])
def test_heads_of_any_width_give_the_same_bits_in_any_batch(architecture, n_heads):
    X, y = make_reversal(150, length=(1, 12), letters="abcd", random_state=0)
    model = SequenceTranslator(
        architecture=architecture,
        n_components=20,
        n_heads=n_heads,
        max_epochs=1,
        random_state=0,
        n_beams=3,
        max_length=6,
    ).fit(X, y)
    order = np.random.default_rng(0).permutation(150)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, before = model.predict_topk(X, 3)
        _, after = model.predict_topk([X[index] for index in order], 3)
    np.testing.assert_array_equal(after, before[order])


def test_scores_of_what_is_no_list_of_targets():
    Seq = pytest.importorskip("Bio.Seq").Seq
    X, y = ["AC", "CA"] * 5, [Seq("AC"), Seq("CA")] * 5
    model = SequenceTranslator(**SMALL, max_epochs=2).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert model.score(X, y) == model.score(X, [str(one) for one in y]) == model.score(X, [{one} for one in y])
    for wrong in ("ACACACACAC", None, 3):
        with pytest.raises(TypeError, match="y must be a list of strings, of lists of tokens or of sets"):
            model.score(X, wrong)


def test_a_network_that_computes_nan_predicts_nothing():
    model = SequenceTranslator(**SMALL, max_epochs=1).fit(["ab", "b"], ["b", "a"])
    with torch.no_grad():
        next(model.module_.output.parameters()).fill_(np.nan)
    with pytest.raises(ValueError, match="the output for sample 0 is not finite"):
        model.predict(["ab"])


def test_unknown_tokens_are_an_error_or_a_token():
    X, y = ["ab", "ba", "bb"] * 20, ["AB", "BA", "BB"] * 20
    model = SequenceTranslator(**SMALL, max_epochs=3).fit(X, y)
    with pytest.raises(ValueError, match="X: sequence 1 has the token 'z'"):
        model.predict(["a", "az"])
    with pytest.raises(ValueError, match="y: sequence 0 has the token 'z'"):
        model.fit(X, y, X_val=["a"], y_val=["z"])
    model.set_params(unknown="token", max_epochs=40, learning_rate=0.01).fit(X, y)
    assert len(model.predict(["az"])[0]) == 2
    assert model.token_names(["az"]) == [["a", "?"]]


@pytest.mark.parametrize(
    ("X", "y", "error", "message"),
    [
        (["a", ""], ["a", "b"], ValueError, "sequence 1 is empty"),
        (["a", "b"], ["a", ""], ValueError, "y: sequence 1 is empty"),
        (["a", "b"], [["a"], []], ValueError, "y: sequence 1 is empty"),
        (["a", "b"], ["a"], ValueError, "inconsistent numbers of samples"),
        (["a", "b"], None, ValueError, "requires y to be passed"),
        (["a", "b"], [1, 2], TypeError, "y: sequence 0 is 1 of type int"),
        ("ab", ["a"], TypeError, "wrap it in a list"),
        (["a", "b"], ["a", {"b"}], TypeError, "several valid targets"),
        (["a", ["b", "c"]], ["a", "b"], TypeError, "X: sequence 1 is a list and sequence 0 is a string"),
        (["a", "b"], pd.DataFrame({"one": ["a", "b"], "two": ["a", "b"]}), TypeError, r"DataFrame of shape \(2, 2\)"),
        (np.eye(2), ["a", "b"], TypeError, "sequence 0 has the token"),
    ],
)
def test_what_cannot_be_translated(X, y, error, message):
    with pytest.raises(error, match=message):
        SequenceTranslator(**SMALL, max_epochs=1).fit(X, y)


def test_more_beams_than_target_tokens_are_refused():
    X, y = ["a", "b"], ["xy", "yx"]
    with pytest.raises(ValueError, match="n_beams=3: expected an int from 1 to 2"):
        SequenceTranslator(n_beams=3).fit(X, y)
    model = SequenceTranslator(**SMALL, max_epochs=2).fit(X, y)
    for wrong in (0, 3, True, 1.5):
        with pytest.raises(ValueError, match="expected an int from 1 to 2"):
            model.predict(X, n_beams=wrong)
    model = SequenceTranslator(**SMALL, max_epochs=2, n_beams=2).fit(X, y)
    for wrong in (0, -1, 3, True, 1.5, None, "a"):
        with pytest.raises(ValueError, match=rf"^k={wrong!r}: expected an int from 1 to 2"):
            model.predict_topk(X, wrong)


@pytest.mark.filterwarnings("ignore:.* outputs were cut:UserWarning")
def test_one_sample_and_one_token():
    model = SequenceTranslator(**SMALL, max_epochs=40).fit(["a"], ["b"])
    assert model.predict(["a"]).tolist() == ["b"]
    assert model.transform(["a"]).shape == (1, 24)


def test_training_goes_on_from_a_pickle():
    X, y = make_reversal(100, length=(1, 3), letters="abc", random_state=0)
    model = SequenceTranslator(**SMALL)
    for _ in range(3):
        model.partial_fit(X, y)
    loaded = pickle.loads(pickle.dumps(model))
    model.partial_fit(X[:10], y[:10])
    loaded.partial_fit(X[:10], y[:10])
    np.testing.assert_array_equal(loaded.transform(X), model.transform(X))
    assert len(model.history_["loss"]) == 4


def test_early_stopping_watches_a_loss_without_smoothing():
    X, y = make_reversal(300, length=(1, 3), letters="abc", random_state=0)
    model = SequenceTranslator(**SMALL, max_epochs=40, batch_size=16, early_stopping=True).fit(X, y)
    assert model.history_["validation_loss"][-1] < 0.5 * model.history_["loss"][-1]


def test_names_of_features():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = SequenceTranslator(**SMALL, max_epochs=2).fit(["ab", "b"] * 5, ["b", "a"] * 5)
    assert model.get_feature_names_out()[:2].tolist() == ["sequencetranslator0", "sequencetranslator1"]
