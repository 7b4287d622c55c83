"""
Predict a property of molecules with GCNRegressor
=================================================

This example shows how to predict a number from SMILES strings.
:class:`~sklearn_ann.MoleculeEncoder` turns molecules into graphs of atoms and bonds, and
:class:`~sklearn_ann.GCNRegressor` learns from the graphs. The property is the lipophilicity
(logP) of the method of Wildman and Crippen, which RDKit computes: it is a sum over the atoms
that depends on their neighbours.

Baseline: a random forest and ridge regression on Morgan fingerprints.
"""

# %%
# The data: 1,000 molecules that are put together from fragments. RDKit is needed: ``pip
# install "sklearn-ann-architectures[chem]"``.
import matplotlib.pyplot as plt
import numpy as np
from rdkit.Chem import MolFromSmiles
from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator
from rdkit.Chem.rdMolDescriptors import CalcCrippenDescriptors
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import RidgeCV
from sklearn.metrics import root_mean_squared_error
from sklearn.pipeline import make_pipeline
from sklearn_ann import GCNRegressor, MoleculeEncoder

FRAGMENTS = [
    "C",
    "CC",
    "C(C)",
    "C(=O)",
    "O",
    "N",
    "NC(=O)",
    "C(F)",
    "C(Cl)",
    "C(O)",
    "S",
    "C#C",
]
FRAGMENTS += ["c1ccc(cc1)", "c1cc(ccn1)", "C1CCC(CC1)", "C=C", "c1cc(F)cc(c1)", "C(C(=O)O)"]
rng = np.random.default_rng(0)
drawn = sorted(
    {"C" + "".join(rng.choice(FRAGMENTS, rng.integers(2, 7))) + "C" for _ in range(1100)}
)
smiles = rng.permutation(drawn)[:1000]
molecules = [MolFromSmiles(one) for one in smiles]
y = np.array([CalcCrippenDescriptors(molecule)[0] for molecule in molecules])
train, test = slice(750), slice(750, 1000)
print(f"{smiles[0]}: logP {y[0]:.2f}")

# %%
# The encoder can add descriptors and fingerprints of whole molecules to the graphs. Here it
# does not (``graph_features=None``), because one of the descriptors is the target itself.
network = make_pipeline(
    MoleculeEncoder(graph_features=None), GCNRegressor(max_epochs=40, random_state=0)
)
predicted = {"GCNRegressor": network.fit(smiles[train], y[train]).predict(smiles[test])}
generator = GetMorganGenerator(radius=2, fpSize=1024)
fingerprints = np.array([generator.GetCountFingerprintAsNumPy(one) for one in molecules])
for name, model in {
    "fingerprints, forest": RandomForestRegressor(n_jobs=1, random_state=0),
    "fingerprints, ridge": RidgeCV(np.logspace(-2, 3, 6)),
}.items():
    predicted[name] = model.fit(fingerprints[train], y[train]).predict(fingerprints[test])
errors = {name: root_mean_squared_error(y[test], values) for name, values in predicted.items()}
for name, error in errors.items():
    print(f"{name:21s} root mean squared error {error:.2f}")
print(f"Standard deviation of logP: {y[test].std():.2f}")

# %%
# Predicted against computed logP of 250 new molecules.
figure, axes = plt.subplots(
    1, 3, figsize=(11, 3.7), layout="constrained", sharex=True, sharey=True
)
for ax, (name, values) in zip(axes, predicted.items(), strict=True):
    ax.scatter(y[test], values, s=10)
    ax.axline((0, 0), slope=1, color="0.5", linewidth=1)
    ax.set(title=f"{name}: error {errors[name]:.2f}", xlabel="logP")
axes[0].set_ylabel("predicted logP")
plt.show()
