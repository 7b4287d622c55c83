"""Relatives are in one group, strangers are not."""

import numpy as np
import pytest
from sklearn.model_selection import GroupKFold, StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from sklearn_ann.model_selection import scaffold_groups, sequence_groups
from sklearn_ann.preprocessing import SequenceEncoder

RNG = np.random.default_rng(0)


def families(letters, n_families, n_members, length, change):
    """Random ancestors, and members in which a share of the letters was drawn anew."""
    for _ in range(n_families):
        ancestor = RNG.choice(list(letters), size=length)
        for _ in range(n_members):
            yield "".join(np.where(RNG.random(length) < change, RNG.choice(list(letters), size=length), ancestor))


@pytest.mark.parametrize("letters", ["ACGT", "ACDEFGHIKLMNPQRSTVWY"])
def test_families_are_groups(letters):
    sequences = list(families(letters, n_families=6, n_members=5, length=120, change=0.1))
    order = RNG.permutation(30)
    groups = sequence_groups(np.array(sequences)[order])
    assert len(np.unique(groups)) == 6
    assert len(np.unique(np.c_[groups, order // 5], axis=0)) == 6
    assert (np.diff(np.unique(groups, return_index=True)[1]) > 0).all()  # numbered as they come


def test_reverse_complement_is_a_relative_if_asked_for():
    one = "".join(RNG.choice(list("ACGT"), size=60))
    twin = one[::-1].translate(str.maketrans("ACGT", "TGCA"))
    stranger = "".join(RNG.choice(list("ACGT"), size=60))
    assert sequence_groups([one, twin, stranger]).tolist() == [0, 1, 2]
    assert sequence_groups([stranger, one, twin], both_strands=True).tolist() == [0, 1, 1]


def test_short_sequences_are_alike_only_if_they_are_the_same():
    assert sequence_groups(["MK", "MV", "MK", "M"]).tolist() == [0, 1, 0, 2]


def test_families_leak_through_random_folds_and_not_through_groups():
    """Labels are random for each family: there is nothing to learn but which family a sequence is of."""
    sequences = list(families("ACDEFGHIKLMNPQRSTVWY", n_families=40, n_members=5, length=60, change=0.1))
    y = np.repeat(RNG.integers(2, size=40), 5)
    X = SequenceEncoder("protein", encoding="kmer", k=2).fit_transform(sequences)
    model = KNeighborsClassifier(1)
    groups = sequence_groups(sequences)
    assert cross_val_score(model, X, y, cv=StratifiedKFold(5, shuffle=True, random_state=0)).mean() > 0.95
    assert cross_val_score(model, X, y, cv=GroupKFold(5), groups=groups).mean() < 0.75


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"similarity": 0}, "similarity == 0"),
        ({"k": 0}, "k == 0"),
        ({"k": 9, "alphabet": "protein"}, "k=9 makes more than"),
        ({"both_strands": True, "alphabet": "protein"}, "both_strands=True is for DNA"),
    ],
)
def test_parameters_out_of_bounds_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        sequence_groups(["ACGT", "ACGG"], **arguments)


def test_groups_go_by_the_bulk_of_the_letters_and_not_by_their_case():
    rng = np.random.default_rng(0)
    reads = ["".join(rng.choice(list("ACGT"), size=60)) for _ in range(60)]
    reads[7] = reads[7][:9] + "R" + reads[7][10:]
    assert len(set(sequence_groups(reads))) == 60
    assert sequence_groups(["AC", "ac"], alphabet="dna").tolist() == sequence_groups(["AC", "ac"]).tolist() == [0, 0]
    with pytest.raises(ValueError, match="alphabet='auto' cannot tell"):
        sequence_groups(["GATTACAE", "TACE"])


def test_rna_gaps_and_white_space_do_not_part_relatives():
    rng = np.random.default_rng(0)
    first, other = ("".join(rng.choice(list("ACGT"), 60)) for _ in range(2))
    related = [first, first.replace("T", "U"), "-".join(first), f" {first}\n", first.lower().replace("t", "u"), other]
    assert sequence_groups(related).tolist() == [0, 0, 0, 0, 0, 1]
    assert sequence_groups(["MKVLAWHHEE", "MK--VLAW.HHEE*"]).tolist() == [0, 0]
    with pytest.raises(ValueError, match="sequence 1 has no letters, but gaps or white space alone"):
        sequence_groups([first, "---"])


def test_words_are_longer_if_few_letters_occur():
    rng = np.random.default_rng(0)
    sequences = ["".join(rng.choice(list("HEC"), 60)) for _ in range(30)]
    groups = sequence_groups(
        [*sequences, sequences[0][2:]]
    )  # without a warning: the alphabet would be of these letters
    assert groups.tolist() == [*range(30), 0]


def test_molecules_with_one_scaffold_are_a_group():
    pytest.importorskip("rdkit")
    assert scaffold_groups(["Cc1ccncc1", "CCc1ccncc1", "C1CCCCC1", "CC", "CC", "CCC"]).tolist() == [0, 0, 1, 2, 2, 3]
    with pytest.raises(ValueError, match=r"molecule 1 is 'nonsense\(', .*; leave it out, for instance by the mask"):
        scaffold_groups(["CC", "nonsense("])


def test_scaffolds_do_not_depend_on_the_spelling():
    chem = pytest.importorskip("rdkit.Chem", reason="RDKit is the extra chem")
    toluene = chem.MolFromSmiles("Cc1ccccc1")
    assert scaffold_groups([toluene, chem.AddHs(toluene), chem.MolFromSmiles("CC1=CC=CC=C1")]).tolist() == [0, 0, 0]
    assert scaffold_groups([chem.MolFromSmiles("CCO"), chem.AddHs(chem.MolFromSmiles("OCC"))]).tolist() == [0, 0]
    for missing in (None, float("nan"), ""):
        with pytest.raises(ValueError, match=r"molecule 1 is .*, no molecule"):
            scaffold_groups(["CC", missing])


def test_scaffolds_know_no_numbers_of_atoms_stereo_or_isotopes():
    pytest.importorskip("rdkit", reason="RDKit is the extra chem")
    pairs = [("CCO", "[CH3:1]CO"), ("C[C@H](O)F", "C[C@@H](O)F"), ("[cH:1]1ccccc1C", "c1ccccc1"), ("[13CH4]", "C")]
    assert scaffold_groups([smiles for pair in pairs for smiles in pair]).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
