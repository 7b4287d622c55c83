"""Data larger than memory: what estimators make of chunks, against the same data in memory."""

import pickle
import threading
from itertools import chain, pairwise, repeat

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from sklearn_ann import (
    AttentionClassifier,
    AutoEncoderOutlierDetector,
    AutoEncoderTransformer,
    Chunks,
    CNNClassifier,
    EntityEmbeddingTransformer,
    GANSampler,
    GCNClassifier,
    MaskedSequenceModel,
    RNNRegressor,
    TabularClassifier,
    TabularRegressor,
    TensorFactorizationRegressor,
    VAESampler,
    load,
    save,
)
from sklearn_ann.reading import chunks
from sklearn_ann.training import Step

rng = np.random.default_rng(0)
N = 400
X = (rng.normal(size=(N, 3)) @ rng.normal(size=(3, 8)) + 0.1 * rng.normal(size=(N, 8))).astype(np.float32)
Y = X[:, 0] > 0
TABLE = pd.DataFrame(X[:, :3], columns=["a", "b", "c"]).assign(
    kind=np.array(["u", "v", "w"], dtype=object)[np.arange(N) % 3], d=np.where(np.arange(N) % 7, X[:, 3], np.nan)
)
IMAGES = rng.integers(0, 256, size=(60, 8, 6, 3)).astype(np.uint8)
COUNTS = sp.random(N, 20, 0.3, format="csr", random_state=0, dtype=np.float32)
COUNTS.data = np.ceil(5 * COUNTS.data)
BATCH = np.array(["one", "two"], dtype=object)[rng.integers(2, size=N)]
FEW = {"max_epochs": 2, "batch_size": 20, "random_state": 0, "device": "cpu"}
SMALL = 100 * 8 * 4 / 2**20  # MiB of a hundred rows

ESTIMATORS = [
    (AutoEncoderTransformer(noise=0.1, noise_type="salt_and_pepper", **FEW), X, None),
    (AutoEncoderTransformer(loss="binary_cross_entropy", **FEW), 1 / (1 + np.exp(-X)), None),
    (AutoEncoderTransformer(**FEW), sp.csr_array(X), None),
    (AutoEncoderTransformer(architecture="conv", image_shape=(8, 6, 3), **FEW), IMAGES, None),
    (AutoEncoderOutlierDetector(**FEW), X, None),
    (VAESampler(**FEW), X, None),
    (VAESampler(conditions="y", likelihood="poisson", **FEW), COUNTS, BATCH),
    (TabularClassifier(**FEW), TABLE, Y),
    (TabularRegressor(scaling="standard", early_stopping=True, **FEW), TABLE, X[:, 1]),
    (AttentionClassifier(attend="columns", **FEW), TABLE, Y),
    (CNNClassifier(**FEW), IMAGES, np.arange(60) % 2),
]
every_estimator = pytest.mark.parametrize(
    ("estimator", "data", "y"), ESTIMATORS, ids=[f"{type(e).__name__}{i}" for i, (e, _, _) in enumerate(ESTIMATORS)]
)
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:The 'mode.chained_assignment' option"),  # of anndata
]


def alive():
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("sklearn_ann")]


def outputs(model, data):
    for name in ("predict_proba", "predict", "transform", "score_samples"):
        if hasattr(model, name) and not getattr(model, "conditions", None):
            yield getattr(model, name)(data)
    if getattr(model, "conditions", None):
        yield model.transform(data)


def parts(data, n=4):
    cuts = np.linspace(0, data.shape[0], n + 1).astype(int)
    return [data.iloc[i:j] if hasattr(data, "iloc") else data[i:j] for i, j in pairwise(cuts)]


@every_estimator
def test_what_fits_in_one_window_gives_the_result_of_memory_bit_for_bit(estimator, data, y):
    model, other = estimator.fit(data, y), type(estimator)(**estimator.get_params()).fit(Chunks(data), y)
    assert model.history_["loss"] == other.history_["loss"]
    for one, two in zip(outputs(model, data), outputs(other, Chunks(data)), strict=True):
        np.testing.assert_array_equal(one, two)


@every_estimator
def test_windows_and_chunks_train_as_well_and_predict_the_same(estimator, data, y):
    window = SMALL if data.shape[0] == N else 0.02
    for source in (parts(data), lambda: iter(parts(data, 7))):
        streamed = Chunks(source, window=window)
        model = estimator.fit(data, y)
        loss = model.loss_
        assert len(streamed) == data.shape[0]
        for one, two in zip(outputs(model, data), outputs(model, streamed), strict=True):
            np.testing.assert_array_equal(one, two)
        first = type(estimator)(**estimator.get_params()).fit(streamed, y)
        again = type(estimator)(**estimator.get_params()).fit(streamed, y)
        assert first.history_["loss"] == again.history_["loss"]
        assert first.loss_ < 2 * loss  # of two short epochs
        assert not alive()


def test_moments_of_a_streamed_fit_are_those_in_memory():
    shifted = X * 3 + 100
    streamed = VAESampler(**FEW).fit(Chunks(shifted, window=SMALL)).module_.likelihood
    memory = VAESampler(**FEW).fit(shifted).module_.likelihood
    np.testing.assert_allclose(streamed.location, memory.location, rtol=1e-6)
    np.testing.assert_allclose(streamed.scale, memory.scale, rtol=1e-5)
    double = VAESampler(precision="float64", **FEW).fit(Chunks(shifted.astype(float), window=SMALL))
    np.testing.assert_allclose(double.module_.likelihood.location, shifted.astype(float).mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(double.module_.likelihood.scale, shifted.astype(float).std(axis=0), rtol=1e-12)
    counts = [VAESampler(likelihood="poisson", **FEW).fit(data).module_.likelihood
              for data in (Chunks(COUNTS, window=0.01), COUNTS)]  # fmt: skip
    np.testing.assert_allclose(counts[0].log_library, counts[1].log_library, atol=2e-6)
    np.testing.assert_allclose(counts[0].offset, counts[1].offset, atol=2e-6)


def test_weights_and_absent_samples_count_as_in_memory():
    weight = (np.arange(N) % 3).astype(float)
    kinds = np.where(weight > 0, TABLE.kind, "absent")
    table = TABLE.assign(kind=kinds.astype(object))
    for scaling in ("quantile", "standard"):
        model = TabularClassifier(scaling=scaling, **FEW)
        memory = model.fit(table, Y, sample_weight=weight).reader_
        streamed = model.fit(Chunks(parts(table), window=SMALL), Y, sample_weight=weight).reader_
        np.testing.assert_array_equal(memory.categories[0], streamed.categories[0])
        np.testing.assert_allclose(memory._scale.knots, streamed._scale.knots)
        np.testing.assert_allclose(memory._scale.mean, streamed._scale.mean, atol=1e-8)
        np.testing.assert_allclose(memory._scale.scale, streamed._scale.scale, rtol=1e-8)


def annotated(path, kind):
    anndata = pytest.importorskip("anndata")
    names = [pd.Index([f"{what}{i}" for i in range(n)], dtype=object) for what, n in (("cell", N), ("gene", 20))]
    batch = pd.Categorical.from_codes((BATCH == "two").astype(int), categories=pd.Index(["one", "two"], dtype=object))
    adata = anndata.AnnData(kind(COUNTS), pd.DataFrame({"batch": batch}, index=names[0]), pd.DataFrame(index=names[1]))
    adata.write_h5ad(path)
    return adata, anndata.read_h5ad(path, backed="r")


@pytest.mark.parametrize("kind", [sp.csr_matrix, lambda counts: counts.toarray()], ids=["sparse", "dense"])
def test_annotated_data_in_a_file(kind, tmp_path):
    adata, backed = annotated(tmp_path / "x.h5ad", kind)
    model = VAESampler(likelihood="negative_binomial", conditions="batch", **FEW)
    memory = model.fit(adata)
    codes, scores = memory.transform(adata), memory.score_samples(adata, n_draws=2)
    np.testing.assert_array_equal(memory.transform(backed), codes)
    np.testing.assert_array_equal(memory.score_samples(Chunks(backed, window=0.02), n_draws=2), scores)
    np.testing.assert_array_equal(model.fit(backed).transform(adata), codes)  # one window
    streamed = model.fit(Chunks(backed, window=0.02))
    assert streamed.conditions_[0].tolist() == ["one", "two"]
    assert streamed.feature_names_in_[0] == "gene0"
    turned = adata[:, ::-1].copy()
    np.testing.assert_array_equal(streamed.transform(turned), streamed.transform(backed))
    drawn, batches = streamed.sample(5, random_state=0)
    assert drawn.shape == (5, 20)
    assert set(batches) <= {"one", "two"}


def test_conditions_in_columns_of_frames():
    table = TABLE[["a", "b"]].assign(place=BATCH)
    model = VAESampler(conditions="place", **FEW).fit(Chunks(parts(table), window=SMALL))
    assert model.conditions_[0].tolist() == ["one", "two"]
    assert model.n_features_in_ == 3
    assert list(model.sample(3, random_state=0)[0].columns) == ["a", "b"]
    np.testing.assert_array_equal(model.score_samples(Chunks(parts(table), window=SMALL), n_draws=2),
                                  model.score_samples(table, n_draws=2))  # fmt: skip


def test_maps_are_read_in_chunks_from_a_size_on(tmp_path, monkeypatch):
    np.save(tmp_path / "x.npy", X.astype(np.float64))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    memory = AutoEncoderTransformer(**FEW).fit(mapped)
    assert memory.fit(X).loss_ == memory.loss_
    monkeypatch.setattr(chunks, "_LARGE", mapped.nbytes)
    monkeypatch.setattr(chunks.Stream, "window", 8000)
    streamed = AutoEncoderTransformer(**FEW).fit(mapped)
    assert streamed.loss_ != memory.loss_
    np.testing.assert_array_equal(streamed.transform(mapped), streamed.transform(X))
    np.save(tmp_path / "images.npy", IMAGES)
    images = np.load(tmp_path / "images.npy", mmap_mode="r")
    monkeypatch.setattr(chunks, "_LARGE", images.nbytes)
    model = CNNClassifier(**FEW).fit(images, np.arange(60) % 2)
    np.testing.assert_array_equal(model.predict_proba(images), model.predict_proba(IMAGES))
    # What cannot be learned in chunks is read as a whole, as before.
    assert RNNRegressor(**FEW).fit(mapped, X[:, 0]).n_iter_ == 2


def test_zarr_and_parquet(tmp_path):
    zarr = pytest.importorskip("zarr")
    zarr.save(str(tmp_path / "x.zarr"), X)
    model = AutoEncoderTransformer(**FEW).fit(zarr.open(str(tmp_path / "x.zarr"), mode="r"))
    assert model.loss_ == AutoEncoderTransformer(**FEW).fit(X).loss_
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    (tmp_path / "folder").mkdir()
    for number, part in enumerate(parts(TABLE.assign(label=Y))):
        table = pa.Table.from_pandas(part, preserve_index=False)
        parquet.write_table(table, tmp_path / "folder" / f"{number}.parquet")
    data = Chunks(tmp_path / "folder", window=SMALL)
    sales, label = data.drop("label"), data.column("label")
    model = TabularClassifier(**FEW).fit(sales, label)
    assert model.categorical_features_ == ["kind"]
    assert model.feature_names_in_.tolist() == ["a", "b", "c", "kind", "d"]
    np.testing.assert_array_equal(model.predict_proba(sales), model.predict_proba(TABLE))


# --- Faults ----------------------------------------------------------------------------------------------------------


def test_wrong_values_are_named_by_their_place():
    wrong = X.copy()
    wrong[321, 5] = np.nan
    for estimator in (AutoEncoderTransformer(**FEW), VAESampler(**FEW), AutoEncoderOutlierDetector(**FEW)):
        with pytest.raises(ValueError, match="value nan in sample 321, column 5"):
            estimator.fit(Chunks(parts(wrong, 9), window=SMALL))
        assert not hasattr(estimator, "module_")
    model = AutoEncoderTransformer(**FEW).fit(X)
    with pytest.raises(ValueError, match="value nan in sample 321, column 5"):
        model.transform(Chunks(wrong, window=SMALL))
    with pytest.raises(ValueError, match="sample 321 of X has the value -1 in feature 5, but this likelihood is for"):
        VAESampler(likelihood="poisson", **FEW).fit(Chunks(np.where(np.isnan(wrong), -1, 1), window=SMALL))
    frame = TABLE.assign(d=TABLE.d.astype(object))
    frame.loc[300, "d"] = "seven"
    with pytest.raises(ValueError, match="column 'd' of X has the value 'seven' in sample 300"):
        TabularClassifier(**FEW).fit(Chunks(parts(frame, 9)), Y)
    images = IMAGES.astype(float)
    images[50, 0, 0, 0] = np.inf
    with pytest.raises(ValueError, match="sample 50 contains NaN or infinity"):
        CNNClassifier(**FEW).fit(Chunks(parts(images)), np.arange(60) % 2)
    with pytest.raises(ValueError, match="data in"):
        AutoEncoderTransformer(loss="binary_cross_entropy", **FEW).fit(Chunks(X, window=SMALL))


def test_chunks_that_differ_are_refused_and_the_model_stays_as_it_was():
    model = AutoEncoderTransformer(**FEW).fit(X)
    before = model.transform(X)
    with pytest.raises(ValueError, match="chunk 1 of X has 7 columns, but chunk 0 has 8 columns"):
        model.fit(Chunks([X[:200], X[200:, :7]]))
    lengths = chain([[200, 200]] * 4, repeat([200, 100]))
    changing = Chunks(lambda: (X[:n] for n in next(lengths)), window=SMALL)
    with pytest.raises(ValueError, match="samples 200 to 399 of X were 200 at first and are 100 now"):
        model.fit(changing)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        TabularClassifier(**FEW).fit(Chunks(parts(TABLE)), Y[:-1])
    np.testing.assert_array_equal(model.transform(X), before)


def test_types_mix_and_small_and_empty_chunks_are_read():
    mixed = [X[:1], X[1:1], X[1:200].astype(np.float64), X[200:]]
    model = AutoEncoderTransformer(**FEW)
    assert model.fit(Chunks(mixed)).loss_ == model.fit(X).loss_
    assert model.fit(Chunks(lambda: mixed, window=SMALL)).transform(Chunks(mixed)).shape == (N, 2)


def test_memory_maps_that_are_cut_short_are_refused(tmp_path):
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    model = AutoEncoderTransformer(**FEW).fit(X)
    streamed = Chunks(mapped, window=SMALL)
    with (tmp_path / "x.npy").open("r+b") as file:
        file.truncate(4096)
    with pytest.raises(ValueError, match="the file of X had 12928 bytes and has 4096 now"):
        model.transform(streamed)


@pytest.mark.parametrize("raised", [KeyboardInterrupt, MemoryError])
def test_no_thread_survives_an_interrupted_fit(raised, monkeypatch):
    model = AutoEncoderTransformer(max_epochs=3, random_state=0, batch_size=16)
    calls, train = [], Step.train

    def interrupted(self, batch):
        calls.append(batch)
        if len(calls) == 40:
            assert alive()
            raise raised
        return train(self, batch)

    monkeypatch.setattr(Step, "train", interrupted)
    with pytest.raises(raised):
        model.fit(Chunks(parts(X), window=SMALL))
    assert not alive()
    assert (getattr(model, "n_iter_", 0) == 1) == (raised is KeyboardInterrupt)  # whole epochs are kept


def test_what_learns_all_samples_at_once_says_so():
    streamed = Chunks(X)
    for estimator, y in [
        (RNNRegressor(), Y),
        (GANSampler(), None),
        (GCNClassifier(), Y),
        (MaskedSequenceModel(), None),
        (TensorFactorizationRegressor(), Y),
        (VAESampler(prior="mixture"), None),
        (VAESampler(scaling="quantile"), None),
    ]:
        name = type(estimator).__name__
        with pytest.raises(TypeError, match=f"X is a Chunks, but {name} learns such samples, or with such parameters"):
            estimator.fit(streamed, y)
    with pytest.raises(TypeError, match="attend='rows' keeps all rows"):
        AttentionClassifier(attend="rows").fit(Chunks(X, window=SMALL), Y)
    embedding = EntityEmbeddingTransformer(**FEW)
    with pytest.raises(TypeError, match="fit_transform reads what is in memory"):
        embedding.fit_transform(Chunks(TABLE), Y)
    columns = TABLE.drop(columns="d")
    np.testing.assert_array_equal(
        embedding.fit(Chunks(parts(columns)), Y).transform(Chunks(parts(columns))), embedding.transform(columns)
    )
    model = RNNRegressor(**FEW).fit(X, X[:, 0])
    with pytest.raises(TypeError, match="X is a Chunks, but RNNRegressor"):
        model.predict(streamed)


# --- What else an estimator does -------------------------------------------------------------------------------------


def test_partial_fit_takes_chunks_one_by_one_or_all():
    model = AutoEncoderTransformer(random_state=0)
    for part in parts(X):
        model.partial_fit(part)
    assert model.n_iter_ == 4
    model.partial_fit(Chunks(parts(X), window=SMALL))
    assert model.n_iter_ == 5
    assert model.transform(X).shape == (N, 2)


def test_early_stopping_validation_data_and_warm_starts():
    streamed = Chunks(parts(X), window=SMALL)
    model = AutoEncoderTransformer(early_stopping=True, validation_fraction=0.3, warm_start=True, **FEW).fit(streamed)
    assert len(model.history_["validation_loss"]) == 2
    assert model.fit(streamed).n_iter_ == 4
    memory = AutoEncoderTransformer(early_stopping=True, validation_fraction=0.3, **FEW).fit(X)
    assert model.history_["validation_loss"][0] == pytest.approx(memory.history_["validation_loss"][0], rel=0.3)
    watched = AutoEncoderTransformer(**FEW).fit(X, X_val=streamed)
    assert watched.history_["validation_loss"] == AutoEncoderTransformer(**FEW).fit(X, X_val=X).history_[
        "validation_loss"]  # fmt: skip
    groups = np.arange(N) // 10
    assert AutoEncoderTransformer(early_stopping=True, **FEW).fit(streamed, groups=groups).n_iter_ == 2


def test_models_of_chunks_are_kept_without_their_data(tmp_path):
    model = TabularClassifier(**FEW).fit(Chunks(parts(TABLE), window=SMALL), Y)
    expected = model.predict_proba(TABLE)
    assert len(pickle.dumps(model)) < 2**20
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(TABLE), expected)
    save(model, tmp_path / "model.ann")
    np.testing.assert_array_equal(load(tmp_path / "model.ann").predict_proba(TABLE), expected)


def test_results_are_frames_where_they_are_asked_for():
    model = AutoEncoderTransformer(**FEW).set_output(transform="pandas").fit(Chunks(parts(X)))
    assert model.transform(Chunks(parts(X))).shape == (N, 2)
    assert model.reconstruct(Chunks(parts(X))).shape == (N, 8)
