"""read_fasta."""

import bz2
import gzip
import io
import lzma
import sys
import zipfile

import pandas as pd
import pytest

from sklearn_ann.preprocessing import read_fasta

pytest.importorskip("Bio", reason="Biopython is the extra bio")

RECORDS = ">sp|P1 first\nMKV LA\nGG\n\n>second\nmkv\n"


@pytest.mark.parametrize("name", ["a.fasta", "a.fasta.gz"])
@pytest.mark.parametrize("begin", ["", "\n\n", "\ufeff"], ids=["plain", "blank", "bom"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["unix", "windows"])
def test_fasta(tmp_path, name, begin, newline):
    text = (begin + RECORDS).replace("\n", newline).encode()
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    expected = ["sp|P1 first", "second"], ["MKVLAGG", "mkv"]
    assert read_fasta(tmp_path / name) == read_fasta(str(tmp_path / name)) == expected


def zipped(text, names=("a.fasta",)):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, text)
    return file.getvalue()


@pytest.mark.parametrize(
    "compress", [bytes, gzip.compress, bz2.compress, lzma.compress, zipped], ids=lambda f: f.__name__
)
def test_compressed_fasta_with_white_space_in_its_lines(tmp_path, compress):
    text = b">one of two\nMK\tV\tLA\n G G\n>two\nA\n"
    (tmp_path / "a.fasta").write_bytes(compress(text))
    assert read_fasta(tmp_path / "a.fasta") == (["one of two", "two"], ["MKVLAGG", "A"])
    names, _ = read_fasta(tmp_path / "a.fasta", ids=True)
    assert pd.Series([1, 2], index=["two", "one"]).loc[names].tolist() == [2, 1]


def test_fasta_in_blocks_as_bgzip_writes_them(tmp_path):
    blocks = [b">one\nAC\n", b"GT\n>two\nGG\n", b""]
    (tmp_path / "a.fasta.gz").write_bytes(b"".join(map(gzip.compress, blocks)))
    assert read_fasta(tmp_path / "a.fasta.gz") == (["one", "two"], ["ACGT", "GG"])


@pytest.mark.parametrize(
    ("content", "settings", "message"),
    [
        (zipped(b">a\nA", ["a", "b"]), {}, "zip archive of 2 files, a, b: unpack it first"),
        (b"\x28\xb5\x2f\xfd123", {}, "compressed with zstd: unpack it first"),
        (b">a x\nA\n>a y\nC\n", {"ids": True}, "2 records of .* have the identifier 'a', record 0 first"),
        (b">\nA\n", {"ids": True}, "record 0 of .* has no name"),
        (zipped(b"", []), {}, "zip archive of 0 files"),
        (gzip.compress(b">a\nACGT\n")[:-9], {}, "damaged, cut off"),
        (bz2.compress(b">a\nACGT\n")[:-9], {}, "damaged, cut off"),
        (b"PK\x03\x04ACGT", {}, "damaged, cut off"),
    ],
    ids=[
        "zip",
        "zstd",
        "one name twice",
        "no name",
        "no file",
        "short gzip",
        "short bz2",
        "broken zip",
    ],  # a zip archive contains the time
)
def test_files_without_one_table_of_names(tmp_path, content, settings, message):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_fasta(tmp_path / "a", **settings)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "bad.fasta is empty"),
        ("\n \n", "bad.fasta is empty"),
        ("ACGT\n>late\nACGT\n", "bad.fasta begins with 'ACGT': a FASTA file begins with '>'"),
        ("; a comment\nACGT\n", "bad.fasta begins with 'ACGT'"),
        ("@read\nACGT\n+\nIIII\n", "begins with '@read'.*Bio.SeqIO.parse reads FASTQ, GenBank"),
        (">one\nACGT\n >two\nAC\n", "record 0 of .*bad.fasta, 'one', has '>' among its letters"),
        (">one\nACGT\n>two\n>three\nAC\n", "record 1 of .*bad.fasta, 'two', has no letters"),
    ],
)
def test_files_that_are_no_fasta(tmp_path, text, message):
    (tmp_path / "bad.fasta").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_fasta(tmp_path / "bad.fasta")


def test_no_such_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"missing\.fasta"):
        read_fasta(tmp_path / "missing.fasta")
    with pytest.raises(OSError, match="director"):
        read_fasta(tmp_path)


def test_comments_are_left_out(tmp_path):
    (tmp_path / "a.fasta").write_text("; made by hand\n>one; two\n#first half\nAC\n;second half\n!\nGT\n")
    assert read_fasta(tmp_path / "a.fasta") == (["one; two"], ["ACGT"])


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_utf_16_with_a_mark(tmp_path, compress):
    (tmp_path / "a.fasta").write_bytes(compress(RECORDS.encode("utf-16")))
    assert read_fasta(tmp_path / "a.fasta")[1] == ["MKVLAGG", "mkv"]


def test_an_archive_of_a_mac_has_one_file(tmp_path):
    (tmp_path / "a.zip").write_bytes(zipped(RECORDS, ["a.fasta", "__MACOSX/._a.fasta"]))
    assert read_fasta(tmp_path / "a.zip")[1] == ["MKVLAGG", "mkv"]


def test_without_biopython_the_extra_is_named(monkeypatch):
    for module in ("Bio", "Bio.SeqIO.FastaIO"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r"read_fasta needs.*sklearn-ann-architectures\[bio\]"):
        read_fasta("any.fasta")
