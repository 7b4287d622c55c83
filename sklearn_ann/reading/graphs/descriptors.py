"""Features of whole molecules, computed by RDKit: descriptors and folded fingerprints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

N_FINGERPRINT = 1024
"""Number of columns of a folded fingerprint."""
_RADIUS = 2
AUTO = ("descriptors", "fingerprints")
"""What ``graph_features="auto"`` stands for."""

Block = tuple[list[str], Callable[[Any], Sequence[float]]]
"""Names of features, and the function that computes them of a molecule."""

_COUNTS = (
    "HeavyAtoms", "Heteroatoms", "HBD", "HBA", "RotatableBonds", "AmideBonds", "Rings", "AromaticRings",
    "AliphaticRings", "SaturatedRings", "Heterocycles", "AromaticHeterocycles", "BridgeheadAtoms", "SpiroAtoms",
)  # fmt: skip
_NUMBERS = (
    "ExactMolWt", "TPSA", "LabuteASA", "FractionCSP3", "HallKierAlpha", "Kappa1", "Kappa2", "Kappa3",
    "Chi0v", "Chi1v", "Chi2v", "Chi3v", "Chi4v", "Chi0n", "Chi1n", "Chi2n", "Chi3n", "Chi4n",
)  # fmt: skip


def chosen_features(graph_features: Any) -> list[str]:
    """Return what a value of ``MoleculeEncoder.graph_features`` stands for.

    Raises
    ------
    TypeError
        If it is neither a name, a list of names nor None.
    ValueError
        If RDKit has no descriptor of a name.
    """
    names = [graph_features] if isinstance(graph_features, str) else graph_features
    if names is None:
        return []
    if isinstance(names, list | tuple) and all(isinstance(name, str) for name in names):
        chosen = list(AUTO) if graph_features == "auto" else list(names)
        for name in chosen:
            if name not in ("descriptors", "fingerprints"):
                _single(name)
        return chosen
    raise TypeError(
        "graph_features must be 'auto', 'descriptors', 'fingerprints', a list of these and of names of RDKit's "
        f"descriptors, or None; got {graph_features!r}"
    )


def molecule_features(molecules: Sequence[Any], chosen: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """Compute features of whole molecules.

    Parameters
    ----------
    molecules : sequence of RDKit molecules
        As `read_molecules` returns them. A molecule without atoms has features of zero.
    chosen : sequence of str
        ``"descriptors"``, ``"fingerprints"``, or names of RDKit's descriptors.

    Returns
    -------
    features : float32 array of shape (n_molecules, n_features)
        A descriptor that RDKit cannot compute, such as the partial charge of a metal, is zero.
    names : list of str
    """
    blocks = [block for name in chosen for block in _blocks(name)]
    names = [name for names, _ in blocks for name in names]
    features = np.zeros((len(molecules), len(names)))
    for row, molecule in zip(features, molecules, strict=True):
        if molecule.GetNumAtoms():
            row[:] = np.concatenate([function(molecule) for _, function in blocks])
    features[np.isnan(features)] = 0.0
    limit = np.finfo(np.float32).max
    return features.clip(-limit, limit).astype(np.float32), names


def _blocks(name: str) -> list[Block]:
    if name == "descriptors":
        return _descriptors()
    if name == "fingerprints":
        return [_fingerprints()]
    return [_single(name)]


def _single(name: str) -> Block:
    from rdkit.Chem import Descriptors

    known = dict(Descriptors.descList)
    if name not in known:
        raise ValueError(
            f"graph_features has {name!r}, which is neither 'descriptors', 'fingerprints' nor one of RDKit's "
            f"{len(known)} descriptors, such as 'MolLogP' and 'qed'"
        )

    def computed(molecule: Any) -> list[float]:
        try:
            return [known[name](molecule)]
        except (ArithmeticError, RuntimeError, ValueError):  # such as one over the number of heavy atoms of hydrogen
            return [np.nan]

    return [name], computed


def _descriptors() -> list[Block]:
    """Return descriptors that take some microseconds each and are defined for all molecules."""
    from rdkit.Chem import GetFormalCharge, rdMolDescriptors

    def singles(names: Sequence[str], prefix: str, label: str) -> Block:
        functions = [getattr(rdMolDescriptors, prefix + name) for name in names]
        return [label + name for name in names], lambda molecule: [function(molecule) for function in functions]

    def vector(name: str, n: int) -> Block:
        return [f"{name}{i}" for i in range(1, n + 1)], getattr(rdMolDescriptors, f"{name}_")

    return [
        (["MolLogP", "MolMR"], rdMolDescriptors.CalcCrippenDescriptors),
        singles(_COUNTS, "CalcNum", "Num"),
        singles(_NUMBERS, "Calc", ""),
        (["FormalCharge", "AromaticProportion"], lambda molecule: [GetFormalCharge(molecule), _aromatic(molecule)]),
        vector("SlogP_VSA", 12),
        vector("SMR_VSA", 10),
        vector("PEOE_VSA", 14),
    ]


def _aromatic(molecule: Any) -> float:
    return float(sum(atom.GetIsAromatic() for atom in molecule.GetAtoms()) / molecule.GetNumAtoms())


def _fingerprints() -> Block:
    """Return the logarithm of 1 + the number of occurrences of each circular substructure, folded."""
    from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator

    generator = GetMorganGenerator(radius=_RADIUS, fpSize=N_FINGERPRINT)
    names = [f"Morgan{i}" for i in range(N_FINGERPRINT)]
    return names, lambda molecule: np.log1p(generator.GetCountFingerprintAsNumPy(molecule))
