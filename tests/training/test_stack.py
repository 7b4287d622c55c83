"""Trainings computed as one stack: each is the training that it is alone, to the last digits of float64."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from sklearn_ann import training
from sklearn_ann.attention import AttentionClassifier
from sklearn_ann.autoencoder import AutoEncoderTransformer
from sklearn_ann.convolution import CNNClassifier, CNNRegressor
from sklearn_ann.datasets import make_motif_graphs
from sklearn_ann.generative import GANSampler, VAESampler
from sklearn_ann.graph import GCNClassifier
from sklearn_ann.recurrent import RNNClassifier
from sklearn_ann.tabular import TabularClassifier, TabularRegressor
from sklearn_ann.training.alike import alike
from sklearn_ann.training.stack import Stack

RNG = np.random.RandomState(0)
X = RNG.uniform(size=(70, 6))
IMAGES = RNG.standard_normal((40, 7, 6))
SIGNALS = RNG.standard_normal((40, 11, 2))
STRINGS = np.array(["".join(RNG.choice([*"ACGT"], 20)) for _ in range(40)], dtype=object)
LABELS = np.arange(40) % 3
GRAPHS = make_motif_graphs(n_graphs=40, random_state=0)[0]
CLASSES = np.arange(70) % 3

AE, CNN = AutoEncoderTransformer, CNNClassifier
# Models, parameters that differ between four candidates (the last has those of the first), data, and whether the
# candidates are computed as one stack.
CASES = {
    "learning rates": (AE(), {"learning_rate": (1e-3, 2e-3, 4e-3)}, (X,), True),
    "weight decay": (AE(), {"weight_decay": (0.0, 0.1, 0.2), "max_grad_norm": (None, 0.1, 1.0)}, (X,), True),
    "epochs": (AE(), {"max_epochs": (4, 8, 6)}, (X,), True),
    "early stopping": (
        AE(early_stopping=True, learning_rate_schedule="constant", max_epochs=40, tol=0.1),
        {"n_iter_no_change": (1, 2, 3)},
        (X,),
        True,
    ),
    "adaptive rates": (
        AE(learning_rate_schedule="adaptive", max_epochs=12),
        {"n_iter_no_change": (2, 3, 4)},
        (X,),
        True,
    ),
    "dropout": (AE(hidden_layer_sizes=(9, 5), activation="gelu"), {"dropout": (0.1, 0.5, 0.3)}, (X,), True),
    "other activations": (AE(activation="elu", optimizer="adam"), {}, (X,), True),
    "sparsity": (AE(n_components=10), {"sparsity": (0.01, 0.02, 0.03)}, (X,), True),
    "noise": (AE(noise_type="salt_and_pepper", tied_weights=True), {"noise": (0.1, 0.2, 0.3)}, (X,), True),
    "cross-entropy": (AE(loss="binary_cross_entropy", activation="silu", noise=0.1), {}, (X,), True),
    "contraction": (AE(contraction=0.1), {}, (X,), False),
    "widths": (AE(), {"hidden_layer_sizes": (5, 6, 7)}, (X,), False),
    "bfloat16": (AE(precision="bfloat16"), {}, (X,), False),
    "variational": (VAESampler(), {"beta": (0.5, 1, 2), "kl_warmup": (0.2, 0.5, 0.8)}, (X,), True),
    "free bits": (VAESampler(free_bits=0.05, likelihood="bernoulli"), {}, (X,), True),
    "counts": (VAESampler(likelihood="poisson"), {}, (np.rint(9 * X),), True),
    "counts of more spread": (VAESampler(likelihood="negative_binomial"), {}, (np.rint(9 * X),), False),
    "strings": (CNN(), {"dropout": (0.1, 0.2, 0.3)}, (STRINGS, LABELS), True),
    "images": (CNN(), {"learning_rate": (1e-3, 2e-3, 4e-3)}, (IMAGES, LABELS), True),
    "class weights": (
        CNN(),
        {"class_weight": ({0: 2, 1: 1, 2: 1}, {0: 1, 1: 3, 2: 1}, "balanced")},
        (IMAGES, LABELS),
        True,
    ),
    "signals": (
        CNNRegressor(conv_layers=((5, 4, 3), (6, 3)), pooling="mean", hidden_layer_sizes=(), sample_type="signal"),
        {},
        (SIGNALS, LABELS.astype(float)),
        True,
    ),
    "no normalisation": (CNN(normalization=None, early_stopping=True), {}, (IMAGES, LABELS), True),
    "layer normalisation": (CNN(normalization="layer"), {}, (IMAGES, LABELS), False),
    "shortcuts": (CNN(residual=True), {}, (IMAGES, LABELS), False),
    "augmentation": (CNN(augmentation={"shift": 1}), {}, (IMAGES, LABELS), False),
    "sizes that differ": (
        CNN(sample_type="signal"),
        {},
        ([x[: 5 + n % 3] for n, x in enumerate(SIGNALS)], LABELS),
        False,
    ),
    "tables": (TabularClassifier(), {"learning_rate": (1e-3, 2e-3, 4e-3)}, (X, CLASSES), True),
    "tables of numbers": (TabularRegressor(), {"dropout": (0.1, 0.2, 0.3)}, (X, X[:, 0]), True),
    "attention": (AttentionClassifier(), {}, (X, CLASSES), False),
    "tokens": (AttentionClassifier(), {}, (STRINGS, LABELS), False),
    "recurrent": (RNNClassifier(), {}, (STRINGS, LABELS), False),
    "graphs": (GCNClassifier(), {}, (GRAPHS, LABELS), False),
    "adversaries": (GANSampler(), {}, (X,), False),
}


def trainings(model, varying, data):
    """Return four trainings; each has weights, an order and noise of its own, and `data` may be a function of it."""
    runs = []
    for i in range(4):
        own = clone(model).set_params(random_state=i, **{name: values[i % 3] for name, values in varying.items()})
        own.set_params(
            precision="bfloat16" if own.precision == "bfloat16" else "float64",
            max_epochs=5 if own.max_epochs == "auto" else own.max_epochs,
        )
        given = data(i) if callable(data) else dict(zip("Xy", data, strict=False))
        runs.append(own._prepare(**given).start(own._loss_floor))
    return runs


def assert_same_course(one, other, tol=1e-10):
    """One training is another to rounding: weights, losses, epochs, and all that a later epoch goes by."""
    assert one.epoch == other.epoch
    assert one.best_epoch == other.best_epoch
    assert one.converged == other.converged
    for mine, theirs in zip(one.history, other.history, strict=True):
        assert {name for name in mine if name != "duration"} == {name for name in theirs if name != "duration"}
        for name in mine.keys() - {"duration"}:
            np.testing.assert_allclose(mine[name], theirs[name], rtol=tol, atol=tol)
    mine, theirs = (run.step.module.state_dict() for run in (one, other))
    assert mine.keys() == theirs.keys()
    for name, tensor in mine.items():
        np.testing.assert_allclose(tensor, theirs[name], rtol=tol, atol=tol, err_msg=name)
    if len(one.step.optimizers) > 1:
        return
    mine, theirs = (run.step.optimizers[0].state_dict()["state"] for run in (one, other))
    assert mine.keys() == theirs.keys()
    for number, state in mine.items():
        for name, value in state.items():
            np.testing.assert_allclose(value, theirs[number][name], rtol=1e-6, atol=tol)
    for generator in ("generator", "noise"):
        assert getattr(one, generator).get_state().equal(getattr(other, generator).get_state())


def assert_equal_to_alone(model, varying, data):
    alone, together = trainings(model, varying, data), trainings(model, varying, data)
    for run in alone:
        run.advance()
    assert training.train_together(together) == [None] * 4
    for one, other in zip(together, alone, strict=True):
        assert_same_course(one, other)
        one.finish()
        other.finish()
        assert_same_course(one, other)
    return together


@pytest.mark.parametrize("name", CASES)
def test_each_is_what_it_is_alone(name):
    model, varying, data, stacked = CASES[name]
    expected = ([[0, 1, 2, 3]], []) if stacked else ([], [0, 1, 2, 3])
    stacks, single = alike(trainings(model, varying, data))
    assert ([sorted(stack) for stack in stacks], single) == expected
    assert_equal_to_alone(model, varying, data)


def test_a_frozen_body_is_computed_once_for_each():
    source = CNN(max_epochs=1, precision="float64", random_state=0).fit(IMAGES, LABELS)
    for parameters in ({"freeze": "body"}, {"body_learning_rate": 0.1}):
        model = CNN(init_from=FrozenEstimator(source), **parameters)
        assert alike(trainings(model, {}, (IMAGES, LABELS))) == ([], [0, 1, 2, 3])
        assert_equal_to_alone(model, {}, (IMAGES, LABELS))


FOLDS = [np.setdiff1d(np.arange(70), np.arange(i, 70, 3 + i)) for i in range(4)]
SAME = [np.setdiff1d(np.arange(40), np.arange(i, 40, 5)) for i in range(4)]
DATA = {
    "rows of one matrix": (AE(batch_size=16), lambda i: {"X": X[i : 60 + i]}),
    "folds that differ by a row": (AE(batch_size=16, dropout=0.2, noise=0.1), lambda i: {"X": X[: 65 + i]}),
    "weights": (AE(batch_size=16), lambda i: {"X": X, "sample_weight": 1 + np.arange(70) % (2 + i)}),
    "weights of folds that differ by a row": (
        AE(batch_size=16, noise=0.1),
        lambda i: {"X": X[: 65 + i], "sample_weight": 1 + np.arange(65 + i) % 3},
    ),
    "validation sets": (AE(batch_size=16), lambda i: {"X": X[:60], "X_val": np.vstack([X, X[: 5 + i]])}),
    "strings of folds": (CNN(), lambda i: {"X": STRINGS[SAME[i]], "y": LABELS[SAME[i]]}),
    "weights of images": (
        CNN(batch_size=16),
        lambda i: {"X": IMAGES, "y": LABELS, "sample_weight": 1 + np.arange(40) % (2 + i)},
    ),
    "tables of folds": (TabularRegressor(), lambda i: {"X": X[i : 60 + i], "y": X[i : 60 + i, 1]}),
}


@pytest.mark.parametrize("name", DATA)
def test_data_may_differ(name):
    model, data = DATA[name]
    assert len(alike(trainings(model, {}, data))[0]) == 1
    assert_equal_to_alone(model, {}, data)


def test_folds_of_other_lengths_are_right_too():
    assert_equal_to_alone(AE(batch_size=16), {}, lambda i: {"X": X[FOLDS[i]]})


def test_parts_are_the_whole():
    """Pausing a stack changes nothing, and each goes on from where it is, also by itself."""
    model, varying, data, _ = CASES["noise"]
    alone, parts = trainings(model, varying, data), trainings(model, varying, data)
    for run in alone:
        run.advance()
    training.train_together(parts, until=2)
    assert [run.epoch for run in parts] == [2, 2, 2, 2]
    state = parts[0].state()
    parts[0].advance(until=4)
    parts[0].resume(state)
    parts[1].advance(until=3)
    training.train_together(parts[:2], until=4)
    training.train_together(parts)
    for one, other in zip(parts, alone, strict=True):
        assert_same_course(one, other)


def test_one_that_is_over_leaves_the_stack(monkeypatch):
    sizes = []
    run_epoch = Stack._run_epoch

    def counted(self):
        sizes.append(len(self.runs))
        return run_epoch(self)

    monkeypatch.setattr(Stack, "_run_epoch", counted)
    runs = [*trainings(AE(), {"max_epochs": (2, 5, 3)}, (X,)), *trainings(AE(), {"max_epochs": (7, 6, 6)}, (X,))]
    training.train_together(runs)
    assert [run.epoch for run in runs] == [2, 5, 3, 2, 7, 6, 6, 7]
    assert sizes == [8, 8, 6, 5, 5, 4]  # the last two go on by themselves


def test_one_that_diverges_changes_nothing_for_the_others():
    varying = {"learning_rate": (1e-3, 1e200, 2e-3)}
    model = AE(learning_rate_schedule="constant")
    alone, together = trainings(model, varying, (X,)), trainings(model, varying, (X,))
    with pytest.raises(ValueError, match="the training diverged") as expected:
        alone[1].run()
    failures = training.train_together(together)
    assert [failure is None for failure in failures] == [True, False, True, True]
    assert str(failures[1]) == str(expected.value)
    assert all(tensor.isfinite().all() for tensor in together[1].step.module.state_dict().values())
    assert_same_course(together[1], alone[1])
    for place in (0, 2, 3):
        alone[place].advance()
        assert_same_course(together[place], alone[place])


def test_weights_are_no_views_of_the_stack_afterwards():
    runs = trainings(AE(), {}, (X,))
    training.train_together(runs, until=1)
    for run in runs:
        copy = pickle.loads(pickle.dumps(run.step.module))
        for one, other in zip(run.step.module.parameters(), copy.parameters(), strict=True):
            assert one.untyped_storage().nbytes() == one.nbytes
            assert one.equal(other)
        assert all(parameter.grad is None for parameter in run.step.module.parameters())
