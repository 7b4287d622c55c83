"""Alphabets."""

import pickle
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from sklearn_ann.reading.alphabets import ALPHABETS, find_alphabet, guess_alphabet, likely_alphabet

DNA = ALPHABETS["dna"]


def decode(alphabet, sequences, **how):
    codes, starts = alphabet.encode(sequences, **how)
    text = "".join(alphabet.symbols[code] for code in codes)
    return [text[start:end] for start, end in pairwise(starts)]


@pytest.mark.parametrize("alphabet", ALPHABETS.values(), ids=ALPHABETS)
def test_encoding_can_be_undone(alphabet):
    sequences = [alphabet.symbols, alphabet.letters[::-1], alphabet.letters[0]]
    assert decode(alphabet, sequences) == sequences
    assert decode(alphabet, [s.lower() for s in sequences]) == sequences


@pytest.mark.parametrize("alphabet", ALPHABETS.values(), ids=ALPHABETS)
def test_rows_are_shares_of_the_letters(alphabet):
    n = len(alphabet)
    np.testing.assert_array_equal(alphabet.rows[:n], np.eye(n))
    np.testing.assert_allclose(alphabet.rows.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(alphabet.rows[alphabet.any_letter], 1 / n)


def test_ambiguous_letters():
    row = dict(zip(DNA.symbols, DNA.rows.tolist(), strict=True))
    assert row["R"] == [0.5, 0, 0.5, 0]
    assert row["N"] == [0.25] * 4
    assert row["B"] == pytest.approx([0, 1 / 3, 1 / 3, 1 / 3])
    protein = ALPHABETS["protein"]
    assert {protein.letters[i] for i in np.flatnonzero(protein.rows[protein.symbols.index("Z")])} == {"E", "Q"}


def test_the_other_strand():
    codes, _ = DNA.encode(["ACGTRYN"])
    assert "".join(DNA.symbols[code] for code in DNA.complement[codes]) == "TGCAYRN"
    np.testing.assert_array_equal(DNA.complement[DNA.complement], np.arange(len(DNA.symbols)))
    # The complement of what an ambiguous letter stands for is what its complement stands for.
    np.testing.assert_array_equal(DNA.rows[DNA.complement], DNA.rows[:, ::-1])
    assert ALPHABETS["protein"].complement is None


@pytest.mark.parametrize("letter", ["-", "é", "ÿ", "Ω", "🧬", "\ud800"])
@pytest.mark.parametrize("alphabet", [DNA, find_alphabet("ACGT")], ids=["dna", "own"])
def test_unknown_letters_are_named_or_taken_for_any(alphabet, letter):
    sequences = ["ACGT", f"AC{letter}G", "T"]
    with pytest.raises(ValueError, match=r"sequence 1 has the letter .* at position 2.*unknown='ambiguous'"):
        alphabet.encode(sequences)
    wild = alphabet.symbols[alphabet.any_letter]
    assert decode(alphabet, sequences, unknown="ambiguous") == ["ACGT", f"AC{wild}G", "T"]


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        ("ACGT", TypeError, "got a single str"),
        (b"ACGT", TypeError, "got a single bytes"),
        (["ACGT", b"AC"], TypeError, "sequence 1 is b'AC' of type bytes"),
        (["ACGT", 3], TypeError, "sequence 1 is 3 of type int"),
        (["ACGT", None], TypeError, "sequence 1 is None"),
        (["ACGT", ""], ValueError, "sequence 1 is empty"),
        ([], ValueError, "0 sample"),
        ([["AC", "C"], ["G", "T"]], TypeError, r"sequence 0 is \['AC', 'C'\] of type list"),
        (pd.DataFrame({"a": ["A"], "b": ["C"]}), ValueError, r"of shape \(1, 2\) with the columns \['a', 'b'\]"),
        ({"a": "AC"}, TypeError, "got a dict"),
    ],
)
def test_anything_but_a_list_of_strings_is_refused(bad, error, message):
    with pytest.raises(error, match=message):
        DNA.encode(bad)


def test_own_letters():
    alphabet = find_alphabet("hp")
    assert alphabet.symbols == "HP?"
    assert decode(alphabet, ["hpPH?"]) == ["HPPH?"]
    assert alphabet.rows.tolist() == [[1, 0], [0, 1], [0.5, 0.5]]
    assert find_alphabet("rna") is ALPHABETS["rna"]


@pytest.mark.parametrize("letters", ["", "A", "ABA", "aA", "AÄ", "AB?"])
def test_letters_that_make_no_alphabet(letters):
    with pytest.raises(ValueError, match="at least two ASCII letters, each once"):
        find_alphabet(letters)


PROTEIN = "".join(np.random.default_rng(0).choice(list("ACDEFGHIKLMNPQRSTVWY"), 60))
READ = "".join(np.random.default_rng(0).choice(list("ACGT"), 60))


@pytest.mark.parametrize(
    ("sequences", "name"),
    [
        (["acgt", "NN"], "dna"),
        (["ACGU"], "rna"),
        (["ACG"], "dna"),
        (["MKR"], "protein"),
        ([READ] * 99 + [READ[:-1] + "R"], "dna"),
        ([READ] * 99 + [READ[:-1] + "E"], "dna"),  # which the alphabet refuses
        ([READ.replace("T", "U")] * 99 + [READ], "rna"),
        ([READ + "NNNNNNNNNNNN"], "dna"),
        ([READ.lower() + "-----\n*"], "dna"),
        ([PROTEIN, PROTEIN[::-1]], "protein"),
        ([PROTEIN + "XBZ*"], "protein"),
        ([PROTEIN] * 99 + ["ACGT"], "protein"),
    ],
)
def test_the_bulk_of_the_letters_tells_the_alphabet(sequences, name):
    assert guess_alphabet(sequences) == likely_alphabet(sequences) == name


@pytest.mark.parametrize(
    ("sequences", "name", "message"),
    [
        (["ACGTRYACGTAC", "ACGTTTTT"], "dna", "10% are letters such as R that also are amino acids"),
        (["GASK", "MAGA"], "protein", "62% A, C, G, T, U and N, and the others are codes"),
    ],
)
def test_letters_that_two_alphabets_have_warn(sequences, name, message):
    with pytest.warns(UserWarning, match=rf"reads X as '{name}', but .*{message}.*alphabet="):
        assert guess_alphabet(sequences) == name


@pytest.mark.parametrize(
    ("sequences", "message"),
    [
        (["ACGTU"], "both T and U are frequent"),
        ([READ] * 3 + [PROTEIN], "sequence 0 has the letters of nucleotides and sequence 3 of a protein"),
        (["GATTACAE", "TACE"], "too few for DNA or RNA, and many for a protein"),
        (["ΩΩΩΩ", "MK"], "of no known alphabet"),
        (["123", "-"], "X has no letters"),
    ],
)
def test_a_mixture_asks_for_the_alphabet(sequences, message):
    with pytest.raises(ValueError, match=rf"cannot tell the alphabet.*{message}.*alphabet='dna'"):
        guess_alphabet(sequences)
    rna_and_dna = "both T and U" in message
    assert likely_alphabet(sequences) == ("dna" if rna_and_dna else None)
    if rna_and_dna:
        assert guess_alphabet(sequences, compared=True) == "dna"


@pytest.mark.parametrize("smiles", [["CC(=O)Oc1ccccc1", "CN1C=NC2=C1C(=O)N(C)C(=O)N2C"], ["c1ccccc1"], ["C(C)C"]])
def test_smiles_belong_to_the_encoder_of_molecules(smiles):
    with pytest.raises(ValueError, match="MoleculeEncoder"):
        ALPHABETS[guess_alphabet(smiles)].encode(smiles)


def test_gaps_tell_no_kind():
    assert guess_alphabet([READ, "-".join(READ), "ACGT" + 40 * "."]) == "dna"


def test_a_code_of_few_letters_is_in_doubt():
    with pytest.warns(UserWarning, match="'protein', but X has the letters CEH alone; alphabet='CEH' reads these"):
        assert guess_alphabet(["HHECCE" * 40]) == "protein"


@pytest.mark.parametrize("name", ["DNA", "Protein", "AUTO", "auto"])
def test_names_are_no_letters(name):
    with pytest.raises(ValueError, match=f"alphabet='{name}': the names are 'dna', 'rna' and 'protein'"):
        find_alphabet(name)


def test_a_text_has_no_alphabet():
    assert likely_alphabet(["the king rules", "a dog barks"]) is None


@pytest.mark.parametrize(
    ("alphabet", "letter", "what"),
    [
        ("dna", "-", "a gap: remove gaps"),
        ("protein", ".", "a gap: remove gaps"),
        ("protein", "*", "a stop codon: cut the sequence there"),
        ("dna", "U", "a letter of RNA: replace U by T"),
        ("rna", "t", "a letter of DNA: replace U by T or T by U"),
        ("dna", "E", "an amino acid: alphabet='protein'"),
        ("dna", "5", "a digit"),
        ("dna", " ", "white space: remove it"),
        ("protein", "\n", "white space: remove it"),
        ("dna", "\ufeff", "an invisible character: remove it"),
    ],
)
def test_a_refusal_says_what_the_letter_is(alphabet, letter, what):
    where = "sequence 0 has the letter .* at position 2, which is not in the alphabet"
    with pytest.raises(ValueError, match=f"{where} .* It is {what}.*unknown='ambiguous'"):
        ALPHABETS[alphabet].encode([f"AC{letter}"])


def test_pickle():
    again = pickle.loads(pickle.dumps(DNA))
    assert decode(again, ["ACGTN"]) == ["ACGTN"]


def test_proteins_of_letters_that_dna_has_are_noticed():
    with pytest.warns(UserWarning, match="72% of the letters are ambiguous codes of DNA, such as 'M' in sequence 1"):
        DNA.encode(["ACT", *["MKVASTWH"] * 10])
    DNA.encode(["NNNNNNRY", "ACGTRYKM"] * 20)
    DNA.encode(["MKVASTWH"])  # too few to tell
