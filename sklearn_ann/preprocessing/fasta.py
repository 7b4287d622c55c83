"""FASTA files as lists of names and sequences."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import os
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any


def missing_biopython(what: str) -> ImportError:
    """Return the error that names what needs Biopython, and how to install it."""
    return ImportError(f"{what} needs Biopython: pip install 'sklearn-ann-architectures[bio]'")


def read_fasta(path: str | os.PathLike[str], *, ids: bool = False) -> tuple[list[str], list[str]]:
    r"""Read a FASTA file, plain or compressed with gzip, bgzip, bz2, xz or zip, whatever its suffix.

    Lines that begin with ``;``, ``#`` or ``!`` are comments. The text is in UTF-8, or in UTF-16 with a byte order mark.
    Needs Biopython: ``pip install "sklearn-ann-architectures[bio]"``.

    Parameters
    ----------
    path : str or path
        Path of the file.
    ids : bool
        Whether to return only the first word of each header, which is the identifier. Identifiers must differ, so that
        they can be joined to a table: ``table.loc[names]``.

    Returns
    -------
    names : list of str
        The whole header of each record, after ``>``, or its identifier.
    sequences : list of str
        The letters as in the file, without white space.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ImportError
        If Biopython is missing.
    ValueError
        If the file is empty or damaged, does not begin with ``>``, has a record without letters or with ``>`` among
        them, or is a zip archive of several files. With `ids`, also if a record has no identifier or that of another
        record.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn_ann.preprocessing import read_fasta
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "two.fasta")
    ...     _ = path.write_text(">first of two\nACGT\nAC\n>second\nGG\n")
    ...     read_fasta(path)
    (['first of two', 'second'], ['ACGTAC', 'GG'])
    """
    try:
        from Bio.SeqIO.FastaIO import SimpleFastaParser
    except ImportError as error:
        raise missing_biopython("read_fasta") from error
    records = _records(Path(path), SimpleFastaParser)
    names, sequences = [name for name, _ in records], ["".join(sequence.split()) for _, sequence in records]
    for index, (name, sequence) in enumerate(zip(names, sequences, strict=True)):
        if not sequence:
            raise ValueError(f"record {index} of {path}, {name!r}, has no letters")
        if ">" in sequence:
            raise ValueError(f"record {index} of {path}, {name!r}, has '>' among its letters: a header begins its line")
    return (_identifiers(names, path) if ids else names), sequences


def _identifiers(names: list[str], path: Any) -> list[str]:
    """Return the first word of each header."""
    found = [name.split(maxsplit=1)[0] if name.strip() else "" for name in names]
    count = Counter(found)
    for index, name in enumerate(found):
        if not name:
            raise ValueError(f"record {index} of {path} has no name: ids=False returns the headers as they are")
        if count[name] > 1:
            raise ValueError(
                f"{count[name]} records of {path} have the identifier {name!r}, record {index} first: ids=False "
                "returns whole headers"
            )
    return found


_COMPRESSED: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}
_ARCHIVE = (b"PK\x03\x04", b"PK\x05\x06")  # with files, and empty
_COMMENT = (";", "#", "!")  # as in the FASTA files of Pearson's programs
_DAMAGE = (EOFError, OSError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, RuntimeError)


def _records(path: Path, parse: Any) -> list[tuple[str, str]]:
    """Return name and sequence of each record."""
    try:
        with _opened(path) as binary:
            wide = binary.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
            binary.seek(0)
            encoding = "utf-16" if wide else "utf-8-sig"
            with io.TextIOWrapper(binary, encoding=encoding, errors="replace") as file:
                return list(parse(_lines(file, path)))
    except _DAMAGE as error:
        if getattr(error, "errno", None) is not None:  # there is no such file, or it may not be read
            raise
        raise ValueError(f"{path} cannot be unpacked, it is damaged, cut off or encrypted: {error}") from error


def _opened(path: Path) -> Any:
    """Open a file by its first bytes: the suffix is often wrong."""
    with path.open("rb") as raw:
        begin = raw.read(6)
    if begin.startswith(_ARCHIVE):
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            members = [member for member in members if not member.filename.startswith("__MACOSX/")]
            if len(members) != 1:
                names = ", ".join(member.filename for member in members) or "none"
                raise ValueError(f"{path} is a zip archive of {len(members)} files, {names}: unpack it first")
            return io.BytesIO(archive.read(members[0]))
    if begin.startswith(b"\x28\xb5\x2f\xfd"):
        raise ValueError(f"{path} is compressed with zstd: unpack it first, or compress it with gzip, bz2 or xz")
    opener = next((opener for magic, opener in _COMPRESSED.items() if begin.startswith(magic)), open)
    return opener(path, "rb")


def _lines(file: Iterable[str], path: Path) -> Iterator[str]:
    """Yield the lines that are neither blank nor comments; the first of them must be a header."""
    lines = (line for line in file if line.strip() and not line.startswith(_COMMENT))
    first = next(lines, "")  # the parser silently skips all lines before the first header
    if not first:
        raise ValueError(f"{path} is empty: a FASTA file was expected")
    if not first.startswith(">"):
        raise ValueError(
            f"{path} begins with {first[:40].rstrip()!r}: a FASTA file begins with '>' and a name. "
            "Bio.SeqIO.parse reads FASTQ, GenBank and other formats, and estimators take lists of its records"
        )
    yield first
    yield from lines
