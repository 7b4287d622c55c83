import gzip

import numpy as np
import pytest

from sklearn_ann.datasets import GENETIC_CODE, make_reversal, make_transcription, read_pronunciations


def test_genetic_code_has_the_known_starts_and_stops():
    assert len(GENETIC_CODE) == 64
    assert {codon for codon, acid in GENETIC_CODE.items() if acid == "*"} == {"UAA", "UAG", "UGA"}
    assert [codon for codon, acid in GENETIC_CODE.items() if acid == "M"] == ["AUG"]
    assert [codon for codon, acid in GENETIC_CODE.items() if acid == "W"] == ["UGG"]
    assert (GENETIC_CODE["UUU"], GENETIC_CODE["AAA"], GENETIC_CODE["GGG"], GENETIC_CODE["GAU"]) == ("F", "K", "G", "D")
    assert len(set(GENETIC_CODE.values())) == 21


def test_reversals():
    X, y = make_reversal(300, length=(2, 6), letters="abc", random_state=0)
    assert y == [string[::-1] for string in X]
    assert {len(string) for string in X} == {2, 3, 4, 5, 6}
    assert set("".join(X)) == set("abc")
    assert make_reversal(300, length=(2, 6), letters="abc", random_state=0) == (X, y)
    assert {len(string) for string in make_reversal(9, length=4)[0]} == {4}


def translated(dna):
    """What a cell makes of a piece of DNA, looked up codon by codon."""
    rna = dna.replace("T", "U")
    start = rna.index("AUG")
    acids = [GENETIC_CODE[rna[i : i + 3]] for i in range(start, len(rna) - 2, 3)]
    return start, "".join(acids[: acids.index("*")])


def test_proteins_are_what_the_first_gene_says_in_all_reading_frames():
    X, y = make_transcription(300, n_codons=(2, 5), margin=7, random_state=0)
    starts, proteins = zip(*map(translated, X), strict=True)
    assert list(proteins) == y
    assert {start % 3 for start in starts} == {0, 1, 2}
    assert {len(protein) for protein in y} == {2, 3, 4, 5}
    assert all(protein[0] == "M" for protein in y)
    assert make_transcription(300, n_codons=(2, 5), margin=7, random_state=0) == (X, y)


def test_rna_is_the_gene():
    X, y = make_transcription(50, product="rna", random_state=0)
    for dna, rna in zip(X, y, strict=True):
        assert rna.replace("U", "T") in dna
        assert rna.startswith("AUG")
        assert GENETIC_CODE[rna[-3:]] == "*"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: make_reversal(0), "n_samples"),
        (lambda: make_reversal(length=(5, 2)), r"length=\(5, 2\)"),
        (lambda: make_reversal(length=0), "length=0"),
        (lambda: make_reversal(length=2.5), "length=2.5: expected an int from 1"),
        (lambda: make_reversal(length=(1, 2, 3)), r"length=\(1, 2, 3\)"),
        (lambda: make_reversal(length=(1, 2.5)), r"length=\(1, 2.5\)"),
        (lambda: make_transcription(n_codons=None), "n_codons=None"),
        (lambda: make_reversal(letters=""), "letters='': expected 1 or more letters"),
        (lambda: make_transcription(n_codons=0), "n_codons=0"),
        (lambda: make_transcription(margin=-1), "margin"),
        (lambda: make_transcription(product="dna"), "product='dna'"),
    ],
)
def test_out_of_bounds(call, message):
    with pytest.raises(ValueError, match=message):
        call()


LINES = """;;; a comment
'bout B AW1 T
read R EH1 D
read(2) R IY1 D  # present

résumé R EH1 Z AH0 M EY2
"""


@pytest.mark.parametrize("name", ["words.dict", "words.dict.gz"])
def test_pronunciations_with_and_without_stress_and_variants(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(gzip.compress(LINES.encode()) if name.endswith(".gz") else LINES.encode())
    words, phones = read_pronunciations(path)
    assert words == ["'bout", "read", "read", "résumé"]
    assert phones[2] == ["R", "IY1", "D"]
    words, phones = read_pronunciations(str(path), stress=False, variants=False)
    assert words == ["'bout", "read", "résumé"]
    assert phones == [["B", "AW", "T"], ["R", "EH", "D"], ["R", "EH", "Z", "AH", "M", "EY"]]


def test_lengths_may_be_integers_of_numpy():
    assert make_reversal(2, length=np.int64(3), random_state=0) == make_reversal(2, length=3, random_state=0)


def test_no_start_is_before_the_gene_however_far_it_is():
    X, y = make_transcription(20, n_codons=1, margin=3000, product="rna", random_state=0)
    assert max(map(len, X)) > 3000
    for dna, rna in zip(X, y, strict=True):
        assert dna[dna.find("ATG") :].startswith(rna.replace("U", "T"))


def test_a_byte_order_mark_is_no_part_of_a_word(tmp_path):
    path = tmp_path / "words.dict"
    path.write_bytes(b"\xef\xbb\xbfbout B AW1 T\n")
    assert read_pronunciations(path)[0] == ["bout"]


def test_older_dictionaries_are_latin_1(tmp_path):
    path = tmp_path / "words.dict"
    path.write_bytes("D\xc9J\xc0 D EY2 ZH AA1\n".encode("latin-1"))
    assert read_pronunciations(path)[0] == ["DÉJÀ"]


def test_files_that_are_no_dictionary(tmp_path):
    path = tmp_path / "words.dict"
    path.write_text("read R EH1 D\nalone\n")
    with pytest.raises(ValueError, match=r"line 2 of words.dict has no phonemes: 'alone'"):
        read_pronunciations(path)
    path.write_text("\n;;; nothing\n")
    with pytest.raises(ValueError, match="has no entry"):
        read_pronunciations(path)


def test_pieces_begin_anywhere():
    X, _ = make_transcription(500, margin=3, n_codons=2, random_state=0)
    starts = [piece.index("ATG") for piece in X]
    assert np.ptp(starts) == 3
