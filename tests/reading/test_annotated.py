"""AnnData: features by name, and every place where values may lie."""

from typing import ClassVar

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from sklearn.base import BaseEstimator, TransformerMixin

from sklearn_ann.reading import RowReader, StandardizedRowReader, TableReader
from sklearn_ann.reading.annotated import as_frame, in_memory, is_annotated, matrix, names_of_samples, placed
from sklearn_ann.training import Examples

pytestmark = pytest.mark.filterwarnings("ignore:The 'mode.chained_assignment' option")  # of anndata, in views
VALUES = np.random.default_rng(0).poisson(2, size=(6, 4)).astype(np.float32)
EVERY = torch.arange(6)


def annotated(values=VALUES, names="abcd"):
    cells, genes = [f"cell {i}" for i in range(6)], list(names)
    obs, var = (pd.DataFrame(index=pd.Index(index, dtype=object)) for index in (cells, genes))  # Arrow's stay unwritten
    return anndata.AnnData(values, obs=obs, var=var)


def backed(adata, path):
    with anndata.settings.override(allow_write_nullable_strings=True):
        adata.write_h5ad(path)
    return anndata.read_h5ad(path, backed="r")


def fitted(kind, X, **settings):
    reader = kind(owner="Model", dtype=torch.float32, **settings)
    reader.finish(Examples(reader.learn(X)))
    reader.freeze()
    return reader


def read(reader, X):
    batch = reader.read(X)[EVERY]
    return batch if isinstance(batch, torch.Tensor) else batch.numbers


every_reader = pytest.mark.parametrize(
    ("kind", "settings"),
    [(RowReader, {}), (StandardizedRowReader, {}), (TableReader, {"categorical_features": "auto"})],
)


def test_what_is_annotated():
    adata = annotated()
    adata.raw = adata.copy()
    assert is_annotated(adata)
    assert is_annotated(adata.raw)
    assert not is_annotated(pd.DataFrame(columns=["X", "var_names", "obs_names"]))


@every_reader
def test_features_are_found_by_name_in_every_form(kind, settings, tmp_path):
    adata = annotated()
    reader = fitted(kind, adata, **settings)
    expected = read(reader, adata)
    assert reader.attributes["feature_names_in_"].tolist() == list("abcd")
    turned = annotated(VALUES[:, ::-1].copy(), "dcba")
    turned.raw = turned.copy()
    more = annotated(np.c_[np.zeros(6), VALUES], "xabcd")
    sparse = annotated(sp.csr_matrix(VALUES[:, ::-1]), "dcba")
    same = [turned, adata[:, ::-1], turned.raw, more, sparse, annotated(sp.csc_matrix(VALUES)), adata.to_df()]
    same += [backed(turned, tmp_path / "dense.h5ad"), backed(sparse, tmp_path / "sparse.h5ad")]
    for X in same:
        assert torch.equal(read(reader, X), expected)


@every_reader
def test_other_features_are_refused_and_nameless_ones_warn(kind, settings):
    reader = fitted(kind, annotated(), **settings)
    for other in (annotated(names="abcx"), annotated(VALUES[:, :3], "abc")):
        with pytest.raises(ValueError, match=r"feature names should match(.|\n)*- d"):
            reader.read(other)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        reader.read(VALUES)
    with pytest.warns(UserWarning, match="X has feature names, but Model was fitted without"):
        fitted(kind, VALUES, **settings).read(annotated())


@pytest.mark.filterwarnings("ignore:Variable names are not unique")
@every_reader
def test_a_name_twice_is_refused(kind, settings):
    with pytest.raises(ValueError, match=r"var_names of X has 'a' more than once: adata.var_names_make_unique"):
        fitted(kind, annotated(names="abca"), **settings)


def test_layers_and_what_is_not_there():
    adata = annotated()
    adata.layers["twice"] = sp.csr_matrix(2 * VALUES)
    reader = fitted(RowReader, adata, layer="twice")
    assert torch.equal(read(reader, adata), torch.from_numpy(2 * VALUES))
    for layer, message in (("once", r"layer='once': X has the layers \['twice'\]$"), ("raw", r"adata.raw.to_adata")):
        with pytest.raises(ValueError, match=message):
            matrix(adata, layer)
    with pytest.raises(ValueError, match=r"X.X of the AnnData object is None: name one of its layers"):
        matrix(annotated(None))


def test_an_error_names_cell_and_gene():
    holes = annotated(np.where(np.arange(24).reshape(6, 4) == 9, np.nan, VALUES))
    with pytest.raises(ValueError, match=r"NaN(.|\n)*in sample 2, column 'b'"):
        fitted(RowReader, holes)
    holes.X = sp.csr_matrix(holes.X)
    with pytest.raises(ValueError, match=r"NaN(.|\n)*in sample 2, column 'b'"):
        fitted(StandardizedRowReader, holes)


def test_values_that_are_not_in_memory():
    class Lazy:
        def compute(self):
            return VALUES

    np.testing.assert_array_equal(in_memory(Lazy()), VALUES)
    assert np.shares_memory(in_memory(VALUES), VALUES)
    assert np.shares_memory(placed(annotated(), None)[0], VALUES)


def test_a_frame_has_the_names_of_samples_and_features():
    frame = as_frame(annotated(sp.csr_matrix(VALUES)), ["b", "a"])
    pd.testing.assert_frame_equal(frame, annotated().to_df()[["b", "a"]], check_names=False)


@names_of_samples
class Doubled(TransformerMixin, BaseEstimator):
    def transform(self, X):
        """Return twice the values."""
        return 2 * np.asarray(getattr(X, "X", X))

    def get_feature_names_out(self, input_features=None):
        return np.array(list("wxyz"), dtype=object)

    def __sklearn_is_fitted__(self):
        return True


def test_frames_have_the_names_of_the_samples():
    adata, doubled = annotated(), Doubled()
    assert isinstance(doubled.transform(adata), np.ndarray)
    frame = doubled.set_output(transform="pandas").transform(adata)
    assert list(frame.index) == list(adata.obs_names)
    assert list(frame.columns) == list("wxyz")
    adata.obsm["doubled"] = frame
    assert list(doubled.transform(VALUES).index) == list(range(6))


def test_several_objects_are_joined_first():
    with pytest.raises(TypeError, match=r"a list of AnnData objects: join them by anndata\.concat"):
        RowReader(owner="Model", dtype=torch.float32).learn([annotated(), annotated()])


def test_a_part_of_mudata_is_chosen():
    class MuData:
        mod: ClassVar = {}

    with pytest.raises(TypeError, match=r"X is a MuData, .*: give one of its parts, such as X\[name\]"):
        RowReader(owner="Model", dtype=torch.float32).learn(MuData())
