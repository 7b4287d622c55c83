"""Readers of the real data that several benchmarks share: plain arrays and lists, as a user would have them."""

from __future__ import annotations

from harness import DATA, mnist  # isort: skip

import gzip
import io
import tarfile
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp

from sklearn_ann.datasets import read_planetoid, read_tu_graphs
from sklearn_ann.preprocessing import read_fasta

PEPTIDES = ("amp_modlamp", "hem_hemopi", "cpp_mlcpp", "avp_avppred", "hiv_nfv")


# --- Signals ---------------------------------------------------------------------------------------------------------


def series(name, part):
    """Return series of the UCR and UEA archive and their labels; `part` is "TRAIN" or "TEST".

    Series of one channel and length are the rows of an array; others are a list of arrays of shape (length, channels).
    """
    with gzip.open(DATA / "timeseries_ucr" / f"{name}_{part}.ts.gz", "rt") as file:
        lines = [line.strip() for line in file if line.strip() and line[0] not in "#@"]
    cases, labels = zip(*(line.rsplit(":", 1) for line in lines), strict=True)
    X = [np.array([channel.split(",") for channel in case.split(":")], dtype=np.float32).T for case in cases]
    if all(x.shape == (len(X[0]), 1) for x in X):
        return np.concatenate(X, axis=1).T, np.array(labels)
    return X, np.array(labels)


# --- Strings ---------------------------------------------------------------------------------------------------------


def splice():
    """Return 3,186 splice junctions of 60 letters, and their kinds, in the order of StatLog's 2,000 and 1,186."""
    table = pd.read_csv(DATA / "dna_uci_splice" / "splice.csv.gz")
    return table["sequence"].to_numpy(dtype=object), table["class"].to_numpy(dtype=object)


def gue(name, part):
    """Return sequences and classes of one of GUE's tasks; `part` is "train", "dev" or "test"."""
    X, y = pd.read_csv(DATA / "dna_gue" / name / f"{part}.csv.gz").to_numpy().T
    return X, y.astype(int)


def peptides(name):
    """Return sequences and classes of one of PeptideReactor's sets."""
    folder = DATA / "protein_peptidereactor" / name
    _, X = read_fasta(folder / "seqs.fasta.gz")
    return np.array(X, dtype=object), np.loadtxt(folder / "classes.txt.gz").astype(int)


def gb1(split):
    """Return sequences and fitness of the training and the test part of one of FLIP's splits of GB1."""
    table = pd.read_csv(DATA / "protein_flip_gb1" / f"{split}.csv.gz")
    parts = [table[table["set"] == part] for part in ("train", "test")]
    return [(part["sequence"].to_numpy(dtype=object), part["target"].to_numpy()) for part in parts]


# --- Molecules and graphs --------------------------------------------------------------------------------------------

TARGETS = {"esol": "measured log solubility in mols per litre", "bbbp": "p_np"}


def molecules(name):
    """Return SMILES, targets, scaffolds and the three parts of the scaffold split, of what RDKit can read."""
    table = pd.read_csv(DATA / "moleculenet" / f"{name}.csv.gz")
    stored = np.load(DATA / "moleculenet" / f"{name}_graphs.npz")
    table = table.iloc[stored["row"]]
    parts = [np.flatnonzero(stored["scaffold_split"] == part) for part in range(3)]
    return (
        table["smiles"].str.strip().to_numpy(dtype=object),
        table[TARGETS[name]].to_numpy(),
        stored["scaffold"],
        parts,
    )


@lru_cache(maxsize=1)
def tu_graphs(name):
    """Return the graphs of one of the TU data sets, their classes, and the published folds as pairs of indices."""
    folder = DATA / "tu_graphs" / name
    graphs, y = read_tu_graphs(folder / f"{name}.txt.gz")
    folds = [
        [np.loadtxt(folder / "10fold_idx" / f"{part}_idx-{k}.txt", dtype=int) for part in ("train", "test")]
        for k in range(1, 11)
    ]
    return graphs, y, folds


@lru_cache(maxsize=1)
def citeseer():
    """Return Citeseer with planetoid's split; the features are the words of each paper, 0 or 1."""
    (X, A), y, split = read_planetoid(DATA / "planetoid_citeseer", "citeseer")
    return (sp.csr_array((X > 0).astype(np.float64)), A), y, split


# --- Images, tables, outliers and cells ------------------------------------------------------------------------------


def scaled_mnist(part):
    """Return images of shape (n, 28, 28) with values from 0 to 1, and labels; `part` is "train" or "t10k"."""
    images, labels = mnist(part)
    return images / np.float32(255), labels


@lru_cache(maxsize=1)
def blood_cells():
    """Return blood cells cropped by their boxes, as images, and their types."""
    from PIL import Image

    boxes = pd.read_csv(DATA / "images_bccd" / "boxes.csv.gz")
    boxes = boxes[(boxes.xmax > boxes.xmin) & (boxes.ymax > boxes.ymin)]
    images = []
    with tarfile.open(DATA / "images_bccd" / "bccd_images.tar") as archive:
        members = {Path(member.name).name: member for member in archive if member.name.endswith(".jpg")}
        for filename, group in boxes.groupby("filename", sort=False):
            picture = Image.open(io.BytesIO(archive.extractfile(members[filename]).read()))
            images += [picture.crop(box) for box in group[["xmin", "ymin", "xmax", "ymax"]].itertuples(index=False)]
    return images, np.concatenate([group.cell_type for _, group in boxes.groupby("filename", sort=False)])


def houses():
    """Return California's districts: scikit-learn's eight features, and the median house value in 100,000 dollars."""
    table = pd.read_csv(DATA / "tabular_california_housing" / "cal_housing.csv.gz")
    X = np.c_[
        table.medianIncome, table.housingMedianAge, table.totalRooms / table.households,
        table.totalBedrooms / table.households, table.population, table.population / table.households,
        table.latitude, table.longitude,
    ]  # fmt: skip
    return X, table.medianHouseValue.to_numpy() / 1e5


def outlier_names():
    """Return the names of the sets with known outliers."""
    return sorted(path.stem for path in (DATA / "outlier_adbench").glob("*.npz"))


def outliers(name):
    """Return rows, and 1 for outliers and 0 for others."""
    stored = np.load(DATA / "outlier_adbench" / f"{name}.npz", allow_pickle=True)
    return np.asarray(stored["X"], dtype=float), np.asarray(stored["y"]).ravel().astype(int)


def cells(name):
    """Return counts as a CSR array and the types of cells; `name` is "worm" or "pbmc68k"."""
    path, kinds = {
        "worm": ("sc_worm_neuron/worm_neuron_cell.npz", "y"),
        "pbmc68k": ("sc_pbmc68k_reduced/pbmc68k_reduced.npz", "bulk_labels"),
    }[name]
    stored = np.load(DATA / path, allow_pickle=True)
    matrix = stored["counts"].astype(np.float32), stored["indices"], stored["indptr"]
    return sp.csr_array(matrix, shape=tuple(stored["shape"])), stored[kinds].astype(str)
