import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from observing import Recorder
from sklearn.datasets import load_digits, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from sklearn_ann import GANSampler

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

BRIEF = {"max_epochs": 2, "hidden_layer_sizes": 16, "batch_size": 32, "random_state": 0}
# Enough to learn something in a few seconds.
SHORT = {"hidden_layer_sizes": (64, 64), "pack_size": 2, "batch_size": 250, "learning_rate": 1e-3, "random_state": 0}
CENTRES = 2 * np.column_stack([np.cos(np.arange(8) * np.pi / 4), np.sin(np.arange(8) * np.pi / 4)])


def ring(n=1000, spread=0.1):
    """Eight Gaussians on a circle, and which of them a point is from."""
    rng = np.random.RandomState(0)
    mode = rng.randint(8, size=n)
    return CENTRES[mode] + spread * rng.normal(size=(n, 2)), mode


def table(n=200):
    """A table of several types, with a missing value in every tenth row."""
    rng = np.random.RandomState(0)
    size = rng.lognormal(size=n).round(2)
    size[::10] = np.nan
    kind = rng.choice(["cat", "dog"], size=n)
    return pd.DataFrame(
        {
            "size": size,
            "legs": rng.randint(2, 5, size=n),
            "kind": pd.Categorical(kind, categories=["cat", "dog", "eel"]),
            "tame": rng.uniform(size=n) < np.where(kind == "dog", 0.9, 0.2),
            "name": np.where(kind == "dog", "Rex", "Tom"),
        }
    )


# --- What it learns -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["wasserstein", "minimax"])
def test_all_modes_of_a_ring_are_found(loss):
    X, _ = ring()
    gan = GANSampler(loss=loss, max_epochs=120, **SHORT).fit(X)
    samples = gan.sample(1000)
    distances = np.linalg.norm(samples[:, None] - CENTRES, axis=2)
    near = np.bincount(distances.argmin(axis=1), minlength=8)
    assert near.min() > 25  # of 125
    assert (distances.min(axis=1) < 0.5).mean() > 0.4
    assert np.isfinite(list(gan.history_.values())).all()


def test_categories_go_together_as_in_the_table():
    gan = GANSampler(max_epochs=300, **SHORT).fit(table())
    drawn = gan.sample(2000)
    assert ((drawn.kind == "dog") == (drawn.name == "Rex")).mean() > 0.9
    assert drawn.tame[drawn.kind == "dog"].mean() > 0.6 > 0.45 > drawn.tame[drawn.kind == "cat"].mean()
    assert 0.03 < drawn["size"].isna().mean() < 0.2


def test_samples_are_no_copies_of_the_training_rows():
    X = StandardScaler().fit_transform(load_wine().data)
    order = np.random.RandomState(0).permutation(len(X))
    train, held_out = X[order[:120]], X[order[120:]]
    samples = GANSampler(max_epochs=400, **SHORT).fit(train).sample(500)
    nearest = NearestNeighbors(n_neighbors=1).fit(train)
    usual, found = (nearest.kneighbors(rows)[0].ravel() for rows in (held_out, samples))
    assert (found < np.quantile(usual, 0.05)).mean() < 0.2
    assert not (found == 0).any()
    assert np.median(found) < 2 * np.median(usual)  # and still they lie where the data lie


def test_score_is_higher_for_a_better_sampler_and_always_the_same():
    X, mode = ring()
    good = GANSampler(max_epochs=60, **SHORT).fit(X)
    poor = GANSampler(**BRIEF | {"learning_rate": 1e-12}).fit(X)
    assert poor.score(X) < good.score(X) <= 0
    assert good.score(X) == good.score(X)
    weight = np.where(mode == 0, 0.0, 1.0)
    assert good.score(X, sample_weight=weight) == pytest.approx(good.score(X[mode != 0]), abs=0.02)
    assert good.score(X[:1]) < good.score(X)


def test_the_score_of_rows_far_off_is_finite_and_no_score_is_above_zero():
    X, _ = ring(50)
    gan = GANSampler(image_shape=(1, 2), **BRIEF).fit(X)
    assert -np.inf < gan.score(1e30 * X) < gan.score(X)
    with pytest.raises(ValueError, match="sample 49 of X is too far from the rows in fit"):
        GANSampler(image_shape=(1, 2), precision="float64", **BRIEF).fit(X).score(np.r_[X[:49], [[0, 1e200]]])
    for settings in ({"image_shape": (1, 2)}, {"scaling": "standard"}):
        assert np.isfinite(GANSampler(**settings, **BRIEF).fit(X, X_val=1e30 * X).history_["validation_loss"]).all()
    alike = pd.DataFrame({"a": ["x"] * 40})
    assert GANSampler(**BRIEF).fit(alike).score(alike) == 0


def test_conditions_are_obeyed():
    X, mode = ring()
    gan = GANSampler(conditions="y", max_epochs=120, **SHORT).fit(X, mode)
    samples, labels = gan.sample(400, y=3)
    assert labels.tolist() == [3] * 400
    assert np.linalg.norm(samples.mean(axis=0) - CENTRES[3]) < 0.5
    _, drawn = gan.sample(4000)
    np.testing.assert_allclose(np.bincount(drawn) / 4000, np.bincount(mode) / 1000, atol=0.03)
    assert gan.score(X, mode) > gan.score(X, (mode + 4) % 8) / 3
    with pytest.raises(ValueError, match="sample 0 has the unknown condition 9"):
        gan.sample(2, y=9)
    with pytest.raises(ValueError, match="conditions='y' needs y"):
        gan.fit(X)


def test_conditions_may_be_columns_of_a_frame():
    data = table()
    gan = GANSampler(conditions=["kind"], **BRIEF).fit(data)
    samples, kinds = gan.sample(5, y="cat")
    assert list(samples.columns) == ["size", "legs", "tame", "name"]
    assert kinds.tolist() == ["cat"] * 5
    assert gan.conditions_[0].tolist() == ["cat", "dog"]
    assert np.isfinite(gan.score(data))
    assert gan.transform(data).shape == (200, 16)
    with pytest.raises(ValueError, match="fitted without conditions"):
        GANSampler(**BRIEF).fit(data).sample(5, y="cat")


def test_labels_of_several_types_can_be_given_back():
    data = table()
    gan = GANSampler(conditions=["kind", "legs"], **BRIEF).fit(data)
    _, labels = gan.sample(6)
    assert {type(label) for label in labels[:, 1]} == {int}
    assert gan.sample(6, y=labels)[1].tolist() == labels.tolist()


def test_weights_say_how_often_a_row_is_seen():
    data = table()
    weight = np.where(data.kind == "dog", 9.0, 1.0)
    gan = GANSampler(max_epochs=150, **SHORT)
    assert 0.3 < (gan.fit(data).sample(1000).kind == "dog").mean() < 0.7
    assert (gan.fit(data, sample_weight=weight).sample(1000).kind == "dog").mean() > 0.75
    none = gan.set_params(max_epochs=2).fit(data, sample_weight=(data.kind == "dog").astype(float))
    assert set(none.sample(300).kind) == {"dog"}


# --- What comes back ------------------------------------------------------------------------------------------------


def test_a_table_comes_back_in_its_own_types_and_names():
    data = table()
    drawn = GANSampler(**BRIEF).fit(data).sample(300)
    assert list(drawn.columns) == list(data.columns)
    assert drawn.dtypes.equals(data.dtypes)
    assert set(drawn.kind) <= {"cat", "dog"}
    assert set(drawn.name) <= {"Rex", "Tom"}
    assert drawn.legs.between(2, 4).all()
    assert drawn["size"].min() >= data["size"].min()
    assert drawn["size"].max() <= data["size"].max()
    sizes = drawn["size"].dropna()
    assert (sizes.round(2) == sizes).all()


@pytest.mark.parametrize("scaling", ["auto", "quantile", "modes", "standard"])
def test_scalings_of_numbers(scaling):
    X, _ = ring(300)
    gan = GANSampler(scaling=scaling, **BRIEF).fit(X)
    samples = gan.sample(100)
    assert samples.shape == (100, 2)
    assert samples.dtype == X.dtype
    assert np.isfinite(samples).all()
    assert len(gan.module_.fields.blocks) == (2 if scaling in ("auto", "modes") else 0)


@pytest.mark.parametrize("architecture", ["dense", "conv"])
def test_images_come_back_in_the_range_of_the_fit(architecture):
    X, y = load_digits(return_X_y=True)
    gan = GANSampler(architecture=architecture, image_shape=(8, 8), conditions="y", **BRIEF)
    samples, labels = gan.fit(X[:200].reshape(-1, 8, 8), y[:200]).sample(20, y=np.arange(20) % 10)
    assert samples.shape == (20, 64)
    assert samples.min() >= 0
    assert samples.max() <= 16
    assert labels.tolist() == [*range(10)] * 2
    assert gan.transform(X[:5]).shape == (5, 16)
    with pytest.raises(ValueError, match="does not fit X of 64 features"):
        GANSampler(architecture="conv", image_shape=(9, 8), **BRIEF).fit(X[:50])


def test_a_frame_of_pixels_comes_back_as_one():
    X, y = load_digits(return_X_y=True, as_frame=True)
    X, y = X[:60].astype("uint8"), y[:60].rename("digit")
    gan = GANSampler(architecture="conv", image_shape=(8, 8), conditions="digit", **BRIEF).fit(X.join(y))
    samples, digits = gan.sample(5, y=3)
    assert list(samples.columns) == list(X.columns)
    assert samples.dtypes.equals(X.dtypes)
    assert samples.to_numpy().max() <= 16
    assert digits.tolist() == [3] * 5


@pytest.mark.parametrize("setting", [{"scaling": "modes"}, {"categorical_features": [0]}])
def test_settings_of_tables_are_refused_for_images(setting):
    name = next(iter(setting))
    with pytest.raises(ValueError, match=rf"{name}=.* is for tables, but image_shape=\(2, 2\)"):
        GANSampler(image_shape=(2, 2), **setting, **BRIEF).fit(np.eye(4))
    with pytest.raises(ValueError, match="categorical_features"):
        GANSampler(image_shape=(2, 2), **BRIEF).fit(np.eye(4), categorical_features=np.array([0]))


def test_columns_told_to_fit_are_categories():
    X = np.column_stack([np.arange(60) % 3, np.linspace(0, 1, 60)])
    gan = GANSampler(**BRIEF)
    samples = gan.fit(X, categorical_features=[0]).sample(200)
    assert set(samples[:, 0]) <= {0.0, 1.0, 2.0}
    assert gan.categorical_features == "auto"
    assert gan.resolved_parameters_.categorical_features == [0]
    same = GANSampler(categorical_features=[0], **BRIEF).fit(X)
    np.testing.assert_array_equal(same.sample(200), samples)
    # Only for the fit that was told: otherwise they are numbers, in groups.
    assert [block.number for block in gan.fit(X).module_.fields.blocks] == [0]


# --- Few rows and strange rows --------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 7, 33])
def test_few_rows_train_it(n):
    gan = GANSampler(pack_size=8, n_critic_steps=3, **BRIEF).fit(ring()[0][:n])
    assert int(gan.module_.n_averaged) == 2 * (n // 32 + 1)
    assert np.isfinite(gan.sample(3)).all()
    assert np.isfinite(gan.score(ring()[0][:n]))


def test_constant_columns_stay_constant():
    X = np.column_stack([np.full(50, 3.25), np.arange(50.0)])
    for scaling in ("auto", "quantile", "modes", "standard"):
        samples = GANSampler(scaling=scaling, **BRIEF).fit(X).sample(40)
        np.testing.assert_allclose(samples[:, 0], 3.25)
    frame = pd.DataFrame({"a": ["x"] * 40, "b": np.arange(40.0), "c": np.nan})
    drawn = GANSampler(**BRIEF).fit(frame).sample(10)
    assert drawn.a.tolist() == ["x"] * 10
    assert drawn.c.isna().all()


def test_a_category_that_was_seen_once():
    data = pd.DataFrame({"a": ["common"] * 99 + ["rare"], "b": np.arange(100.0)})
    gan = GANSampler(max_epochs=300, **SHORT).fit(data)
    drawn = gan.sample(2000)
    assert 0 < (drawn.a == "rare").mean() < 0.1
    assert np.isfinite(gan.score(data[-1:]))


def test_bad_input_is_refused():
    X = ring(50)[0]
    model = GANSampler(**BRIEF)
    holed = X.copy()
    holed[3, 1] = np.nan
    with pytest.raises(ValueError, match="contains NaN, in sample 3"):
        model.fit(holed)
    model.fit(pd.DataFrame(holed))  # where a missing value is modelled
    mixed = np.array([[1.0, 2.0]] * 30 + [[1.0, "two"]], dtype=object)
    with pytest.raises(ValueError, match="two"):
        model.fit(mixed)
    with pytest.raises(ValueError, match="n_samples == 0, must be >= 1"):
        model.fit(X).sample(0)
    with pytest.raises(TypeError, match="n_samples"):
        model.sample(2.5)
    named = GANSampler(**BRIEF).fit(table())
    with pytest.raises(ValueError, match="unknown category 'Kim'"):
        named.score(table().replace({"name": {"Rex": "Kim"}}))


# --- How it is trained ----------------------------------------------------------------------------------------------


def test_samples_follow_random_state():
    gan = GANSampler(**BRIEF).fit(table())
    pd.testing.assert_frame_equal(gan.sample(20), gan.sample(20))
    pd.testing.assert_frame_equal(gan.sample(20, random_state=3), gan.sample(20, random_state=3))
    assert not gan.sample(20).equals(gan.sample(20, random_state=3))
    rng = np.random.RandomState(0)
    assert not gan.sample(20, random_state=rng).equals(gan.sample(20, random_state=rng))
    again = GANSampler(**BRIEF).fit(table())
    pd.testing.assert_frame_equal(gan.sample(20), again.sample(20))


def test_samples_come_from_the_averaged_generator():
    X = ring(200)[0]
    last = GANSampler(averaging=0.0, **BRIEF).fit(X)
    for averaged, weight in zip(last.generator_.buffers(), last.module_.generator.parameters(), strict=True):
        assert torch.equal(averaged, weight)
    mean = GANSampler(averaging=0.9, **BRIEF).fit(X)
    pairs = zip(mean.generator_.buffers(), mean.module_.generator.parameters(), strict=True)
    assert not any(torch.equal(averaged, weight) for averaged, weight in pairs)
    before = mean.sample(5)
    with torch.no_grad():
        for weight in mean.module_.generator.parameters():
            weight.zero_()
    np.testing.assert_array_equal(mean.sample(5), before)


def test_the_history_has_the_losses_of_both():
    history = GANSampler(**BRIEF).fit(ring(100)[0]).history_
    assert list(history) == ["loss", "distance", "generator_loss", "learning_rate", "duration"]
    assert "condition_loss" in GANSampler(**BRIEF).fit(table()).history_


def test_early_stopping_watches_the_distance_to_rows_held_out():
    X, mode = ring()
    settings = SHORT | {"max_epochs": 80, "n_iter_no_change": 80}
    for conditions, y in ((None, None), ("y", mode)):
        gan = GANSampler(early_stopping=True, conditions=conditions, **settings).fit(X, y)
        watched = gan.history_["validation_loss"]
        assert gan.best_epoch_ == 1 + int(np.argmin(watched))
        assert min(watched) < watched[0]
    assert np.isfinite(GANSampler(early_stopping=True, **BRIEF).fit(table()).history_["validation_loss"]).all()


def test_few_steps_warn():
    with pytest.warns(ConvergenceWarning, match="kept after 2 steps, with max_epochs=2: samples still show"):
        GANSampler(**BRIEF).fit(ring(20)[0])
    stopping = GANSampler(early_stopping=True, **BRIEF | {"max_epochs": 40, "n_iter_no_change": 5})
    with pytest.warns(ConvergenceWarning) as caught:
        stopping.fit(ring(30)[0])
    assert f"kept after {stopping.best_epoch_} steps" in str(caught[0].message)  # each epoch is a step


def test_it_goes_on():
    data = table()
    gan = GANSampler(**BRIEF).fit(data)
    pickled = pickle.loads(pickle.dumps(gan))
    pd.testing.assert_frame_equal(pickled.sample(9), gan.sample(9))
    n_steps = int(gan.module_.n_averaged)
    for model in (gan, pickled):
        model.partial_fit(data[:50])
    pd.testing.assert_frame_equal(pickled.sample(9), gan.sample(9))
    assert int(gan.module_.n_averaged) == n_steps + 2
    kept = copy.deepcopy(gan)
    gan.set_params(warm_start=True).fit(data)
    assert int(gan.module_.n_averaged) == 2 * n_steps + 2
    assert len(gan.history_["loss"]) == 5
    X = ring(50)[0]
    pixels = GANSampler(image_shape=(1, 2), **BRIEF).partial_fit(X).partial_fit(10 * X)
    assert np.abs(pixels.sample(100)).max() <= np.float32(np.abs(X).max())  # the range is that of the first call
    with pytest.raises(ValueError, match="scaling='auto'"):
        kept.set_params(warm_start=True, scaling="standard").fit(data)


def test_parameters_set_after_fit_change_no_sample():
    gan = GANSampler(**BRIEF).fit(table())
    before = gan.sample(9)
    gan.set_params(n_components=3, pack_size=1, conditions="y", loss="minimax", scaling="modes", image_shape=(2, 2))
    pd.testing.assert_frame_equal(gan.sample(9), before)


def test_a_callback_may_sample_after_each_epoch():
    X, seen = ring(100)[0], []
    recorder = Recorder(lambda _epoch, fitted: seen.append(fitted.sample(4)))
    gan = GANSampler(**BRIEF).set_callbacks(recorder).fit(X)
    assert len(seen) == 2
    np.testing.assert_array_equal(seen[-1], gan.sample(4))
    np.testing.assert_array_equal(gan.sample(4), GANSampler(**BRIEF).fit(X).sample(4))
