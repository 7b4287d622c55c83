"""Biological sequences as numbers for any estimator, and FASTA files."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import zipfile
from collections import Counter
from itertools import product
from numbers import Integral
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Literal, Self

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Bunch, Tags
from sklearn.utils.validation import check_is_fitted

from sklearn_ann._sklearn import Interval, StrOptions
from sklearn_ann._warnings import warn
from sklearn_ann.base.links import DocumentedMixin
from sklearn_ann.reading import Columns
from sklearn_ann.reading.alphabets import Alphabet, Unknown, find_alphabet
from sklearn_ann.reading.kinds import column_names

Encoding = Literal["onehot", "index", "kmer", "blosum62", "properties"]

PROPERTIES = (
    "hydropathy", "flexibility", "hydrophilicity", "surface_accessibility", "transfer_energy", "charge", "mass"
)  # fmt: skip
MOST_KMERS = 10_000_000


def blosum62(letters: str) -> np.ndarray:
    """Return BLOSUM62 scores between `letters`, of shape (n_letters, n_letters), from Biopython."""
    try:
        from Bio.Align import substitution_matrices
    except ImportError as error:
        raise _missing_biopython("encoding='blosum62'") from error
    load: Any = substitution_matrices.load
    scores = load("BLOSUM62")
    return np.array([[scores[a, b] for b in letters] for a in letters], dtype=np.float32)


def properties(letters: str) -> np.ndarray:
    """Return `PROPERTIES` of amino acids, standardised over `letters`, of shape (n_letters, n_properties)."""
    try:
        from Bio.Data.IUPACData import protein_weights
        from Bio.SeqUtils import IsoelectricPoint, ProtParamData
    except ImportError as error:
        raise _missing_biopython("encoding='properties'") from error
    scales = [ProtParamData.kd, ProtParamData.Flex, ProtParamData.hw, ProtParamData.em, ProtParamData.ja]
    # Henderson-Hasselbalch at pH 7, for the side chain alone.
    charge = dict.fromkeys(letters, 0.0)
    charge |= {a: 1 / (1 + 10 ** (7 - pK)) for a, pK in IsoelectricPoint.positive_pKs.items() if a in charge}
    charge |= {a: -1 / (1 + 10 ** (pK - 7)) for a, pK in IsoelectricPoint.negative_pKs.items() if a in charge}
    values = np.array([[scale[letter] for scale in (*scales, charge, protein_weights)] for letter in letters])
    standardised: np.ndarray = ((values - values.mean(axis=0)) / values.std(axis=0)).astype(np.float32)
    return standardised


def _missing_biopython(what: str) -> ImportError:
    return ImportError(f"{what} needs Biopython: pip install 'sklearn-ann-architectures[bio]'")


def letter_vectors(alphabet: Alphabet, encoding: Encoding) -> np.ndarray:
    """Return the numbers that encode each letter code, of shape (n_symbols + 1, n_numbers); padding is last."""
    if encoding == "index":
        return np.append(np.arange(1, len(alphabet.symbols) + 1), 0).astype(np.int64).reshape(-1, 1)
    rows = alphabet.rows
    if encoding == "blosum62":
        rows = rows @ blosum62(alphabet.letters)
    elif encoding == "properties":
        rows = rows @ properties(alphabet.letters)
    return np.vstack([rows, np.zeros_like(rows[:1])])


def pad(codes: np.ndarray, starts: np.ndarray, length: int, padding: int) -> np.ndarray:
    """Cut or pad sequences at the end to rows of `length` codes."""
    lengths = np.diff(starts)
    if (lengths == length).all():
        return codes.reshape(-1, length)
    if (lengths > length).any():
        codes = codes[np.arange(len(codes)) - np.repeat(starts[:-1], lengths) < length]
    padded = np.full((len(lengths), length), padding, dtype=codes.dtype)
    padded[np.arange(length) < lengths[:, None]] = codes
    return padded


def count_kmers(codes: np.ndarray, starts: np.ndarray, n_letters: int, k: int) -> csr_matrix:
    """Count k-mers, of shape (n_sequences, n_letters**k); a k-mer in base `n_letters` is its column.

    k-mers with an ambiguous letter, a code of `n_letters` or above, are left out.
    """
    n, n_words = len(starts) - 1, max(len(codes) - k + 1, 0)
    row = np.repeat(np.arange(n, dtype=np.int32), np.diff(starts))
    valid = row[:n_words] == row[len(codes) - n_words :]
    word = np.zeros(n_words, dtype=np.int32)
    for shift in range(k if n_words else 0):
        letter = codes[shift : shift + n_words]
        valid &= letter < n_letters
        word = word * np.int32(n_letters) + letter
    word, row = word[valid], row[:n_words][valid]
    # Integers, because float32 stops counting at 2**24 and a chromosome has more letters.
    ones = np.ones(len(word), dtype=np.int32)
    counts: csr_matrix = coo_matrix((ones, (row, word)), shape=(n, n_letters**k)).tocsr().astype(np.float32)
    return counts


def _check_lengths(starts: np.ndarray, length: int, parameters: Bunch) -> None:
    """Raise an error for a sequence longer than the parameter, warn of one longer than all in fit, or cut them."""
    lengths = np.diff(starts)
    long = np.flatnonzero(lengths > length)
    if not len(long) or parameters.truncate:
        return
    if parameters.length is not None:
        raise ValueError(
            f"sequence {long[0]} has {lengths[long[0]]} letters, more than length={length}; "
            "truncate=True cuts such a sequence at the end"
        )
    warn(
        f"{len(long)} of {len(lengths)} sequences are cut at the end to the {length} letters of the longest in fit, "
        f"such as sequence {long[0]} of {lengths[long[0]]} letters; length={lengths.max()} keeps all letters, and "
        "truncate=True cuts without this warning"
    )


class SequenceEncoder(TransformerMixin, DocumentedMixin, BaseEstimator):
    """Turn strings, such as DNA, RNA or proteins, into numbers for any estimator.

    Lower-case letters are read as upper-case. The ambiguous letters of the IUPAC, such as N or R, are known.

    ============== =============================== ==================================================================
    encoding       a sequence becomes              an ambiguous letter becomes
    ============== =============================== ==================================================================
    ``onehot``     length * n_letters of 0 and 1   the mean of its letters: N is 1/4 in each column
    ``index``      length codes from 1             a code above those of the unambiguous letters
    ``kmer``       n_letters**k counts, sparse     nothing: its k-mers are left out
    ``blosum62``   length * 20 scores              the mean of its letters' scores
    ``properties`` length * 7 properties           the mean of its letters' properties: X is 0, as is padding
    ============== =============================== ==================================================================

    Shorter sequences are padded with 0 at the end.

    Parameters
    ----------
    alphabet : str, default='dna'
        ``"dna"``, ``"rna"``, ``"protein"``, or your own letters, such as ``"HP"``; ``?`` then stands for any letter.
        This is the only parameter that may be given by position.

    encoding : {"onehot", "index", "kmer", "blosum62", "properties"}, default='onehot'
        The last two are for proteins and need Biopython: ``pip install "sklearn-ann-architectures[bio]"``.

        - ``"blosum62"`` encodes a letter by its row of 20 substitution scores [1]_;
        - ``"properties"`` encodes hydropathy [2]_, flexibility [3]_, hydrophilicity [4]_, surface accessibility [5]_,
          energy of transfer from inside to the surface [6]_, net charge of the side chain at pH 7, and mass. Each has
          mean 0 and standard deviation 1 over the 20 amino acids.

    k : int, default=3
        Length of the k-mers, for ``encoding="kmer"``. At most 10 million different k-mers are allowed.

    length : int or None, default=None
        Number of letters to encode. None means the length of the longest sequence in `fit`. Not used by ``"kmer"``.

    truncate : bool, default=False
        Whether to cut longer sequences at the end without a warning. With False, a sequence longer than `length` raises
        an error; with ``length=None``, a sequence longer than all in `fit` is cut with a ``UserWarning``.

    unknown : {"error", "ambiguous"}, default='error'
        How to treat letters outside the alphabet: raise an error, or read them as a letter that stands for any.

    Attributes
    ----------
    alphabet_ : str
        Name of the alphabet, ``"dna"``, ``"rna"`` or ``"protein"``, or the letters themselves.

    letters_ : str
        The letters, in the order of the features.

    length_ : int or None
        Number of letters encoded; None for k-mers, which use all letters.

    n_features_in_ : int
        1, the column of sequences.

    feature_names_in_ : array of str of shape (1,)
        Name of the column, if X is a frame. `transform` refuses a column of another name.

    resolved_parameters_ : Bunch
        The hyper-parameters of the fit. Later samples are encoded by them.

    References
    ----------
    .. [1] Henikoff & Henikoff (1992). Amino acid substitution matrices from protein blocks. PNAS 89, 10915.
    .. [2] Kyte & Doolittle (1982). A simple method for displaying the hydropathic character of a protein. J. Mol. Biol.
       157, 105.
    .. [3] Vihinen, Torkkila & Riikonen (1994). Accuracy of protein flexibility predictions. Proteins 19, 141.
    .. [4] Hopp & Woods (1981). Prediction of protein antigenic determinants from amino acid sequences. PNAS 78, 3824.
    .. [5] Emini et al. (1985). Induction of hepatitis A virus-neutralizing antibody by a virus-specific synthetic
       peptide. J. Virol. 55, 836.
    .. [6] Janin (1979). Surface and inside volumes in globular proteins. Nature 277, 491.

    Examples
    --------
    >>> from sklearn_ann.preprocessing import SequenceEncoder
    >>> encoder = SequenceEncoder("dna")
    >>> encoder.fit_transform(["AC", "N"])
    array([[1.  , 0.  , 0.  , 0.  , 0.  , 1.  , 0.  , 0.  ],
           [0.25, 0.25, 0.25, 0.25, 0.  , 0.  , 0.  , 0.  ]], dtype=float32)
    >>> encoder.get_feature_names_out()[:5]
    array(['0_A', '0_C', '0_G', '0_T', '1_A'], dtype=object)

    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> forest = make_pipeline(
    ...     SequenceEncoder("dna", encoding="kmer", k=2), RandomForestClassifier(random_state=0)
    ... )
    >>> forest.fit(["TATA", "TATATA", "GCGC", "GCGCG"], ["AT", "AT", "GC", "GC"]).predict(["ATAT"])
    array(['AT'], dtype='<U2')
    """

    alphabet_: str
    letters_: str
    length_: int | None
    n_features_in_: int
    feature_names_in_: np.ndarray
    resolved_parameters_: Bunch

    _parameter_constraints: ClassVar[dict[str, list[Any] | str]] = {
        "alphabet": [str],
        "encoding": [StrOptions({"onehot", "index", "kmer", "blosum62", "properties"})],
        "k": [Interval(Integral, 1, None, closed="left")],
        "length": [Interval(Integral, 1, None, closed="left"), None],
        "truncate": ["boolean"],
        "unknown": [StrOptions({"error", "ambiguous"})],
    }

    # Written by hand, because a declared parameter cannot be given by position.
    def __init__(
        self,
        alphabet: str = "dna",
        *,
        encoding: Encoding = "onehot",
        k: int = 3,
        length: int | None = None,
        truncate: bool = False,
        unknown: Unknown = "error",
    ) -> None:
        self.alphabet = alphabet
        self.encoding = encoding
        self.k = k
        self.length = length
        self.truncate = truncate
        self.unknown = unknown

    def fit(self, X: Any, y: Any = None) -> Self:
        """Check the sequences and learn their length.

        Parameters
        ----------
        X : sequence, array, series or one-column frame of str
            Sequences.
        y : ignored
            Not used; part of scikit-learn's interface.

        Returns
        -------
        self

        Raises
        ------
        ImportError
            If the encoding needs Biopython and it is missing.
        TypeError
            If `X` holds anything but strings.
        ValueError
            If a parameter is out of bounds, or a sequence is empty, too long or has an unknown letter.
        """
        self._validate_params()
        alphabet = find_alphabet(self.alphabet)
        if self.encoding in ("blosum62", "properties") and self.alphabet != "protein":
            raise ValueError(f"encoding={self.encoding!r} needs alphabet='protein', got alphabet={self.alphabet!r}")
        # Even 2**24 is above the limit, so that the power of a large k is never computed.
        if self.encoding == "kmer" and len(alphabet) ** min(self.k, 24) > MOST_KMERS:
            raise ValueError(
                f"k={self.k} makes {len(alphabet)}**{self.k} words of the letters {alphabet.letters}, more than the "
                f"{MOST_KMERS:,} allowed: choose a smaller k"
            )
        parameters = Bunch(**self.get_params(deep=False))
        _, starts = alphabet.encode(X, self.unknown)
        if self.encoding == "kmer":
            self.length_, self._vectors = None, None
        else:
            length = int(np.diff(starts).max()) if self.length is None else self.length
            _check_lengths(starts, length, parameters)
            self.length_, self._vectors = length, letter_vectors(alphabet, self.encoding)
        self._columns = Columns(type(self).__name__)
        column_names(self._columns, X, learn=True)
        self.__dict__.pop("feature_names_in_", None)  # of an earlier fit
        self.__dict__.update(self._columns.attributes)
        self._alphabet, self.alphabet_, self.letters_ = alphabet, self.alphabet, alphabet.letters
        self.resolved_parameters_ = parameters
        return self

    def transform(self, X: Any) -> np.ndarray | csr_matrix:
        """Encode sequences.

        Parameters
        ----------
        X : sequence, array, series or one-column frame of str
            Sequences.

        Returns
        -------
        array of shape (n_samples, n_features)
            float32; int64 for ``encoding="index"``, and a CSR matrix of float32 for ``encoding="kmer"``.

        Raises
        ------
        TypeError
            If `X` holds anything but strings.
        ValueError
            If a sequence is empty, has an unknown letter or more letters than the parameter `length`.

        Warns
        -----
        UserWarning
            If a sequence is longer than all in ``fit``, with ``length=None``.
        """
        check_is_fitted(self)
        kept = self.resolved_parameters_
        column_names(self._columns, X, learn=False)
        codes, starts = self._alphabet.encode(X, kept.unknown)
        if self.length_ is None or self._vectors is None:
            return count_kmers(codes, starts, len(self._alphabet), kept.k)
        _check_lengths(starts, self.length_, kept)
        padded = pad(codes, starts, self.length_, padding=len(self._alphabet.symbols))
        # All codes are valid; "clip" only spares NumPy a buffer.
        encoded: np.ndarray = self._vectors.take(padded, axis=0, mode="clip")
        return encoded.reshape(len(padded), -1)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Name the columns by position and letter or property, ``"0_A"``, by position, ``"0"``, or by k-mer, ``"ACG"``.

        Parameters
        ----------
        input_features : ignored
            Not used; part of scikit-learn's interface.

        Returns
        -------
        array of str
        """
        check_is_fitted(self)
        kept, letters = self.resolved_parameters_, self.letters_
        names: Any
        if self.length_ is None:
            names = map("".join, product(letters, repeat=kept.k))
        elif kept.encoding == "index":
            names = map(str, range(self.length_))
        else:
            of = PROPERTIES if kept.encoding == "properties" else letters
            names = (f"{position}_{name}" for position in range(self.length_) for name in of)
        return np.array(list(names), dtype=object)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = []
        return tags


def read_fasta(path: str | os.PathLike[str], *, ids: bool = False) -> tuple[list[str], list[str]]:
    r"""Read a FASTA file, plain or compressed with gzip, bgzip, bz2, xz or zip, whatever its suffix.

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
        If the file is empty, does not begin with ``>``, has a record without letters, or is a zip archive of several
        files. With `ids`, also if a record has no identifier or that of another record.

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
        raise _missing_biopython("read_fasta") from error
    records = _records(Path(path), SimpleFastaParser)
    names, sequences = [name for name, _ in records], ["".join(sequence.split()) for _, sequence in records]
    for index, (name, sequence) in enumerate(zip(names, sequences, strict=True)):
        if not sequence:
            raise ValueError(f"record {index} of {path}, {name!r}, has no letters")
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
_ARCHIVE = b"PK\x03\x04"


def _opened(path: Path) -> Any:
    """Open a file by its first bytes: the suffix is often wrong."""
    with path.open("rb") as raw:
        begin = raw.read(6)
    if begin.startswith(_ARCHIVE):
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if len(members) != 1:
                names = ", ".join(member.filename for member in members)
                raise ValueError(f"{path} is a zip archive of {len(members)} files, {names}: unpack it first")
            return io.BytesIO(archive.read(members[0]))
    if begin.startswith(b"\x28\xb5\x2f\xfd"):
        raise ValueError(f"{path} is compressed with zstd: unpack it first, or compress it with gzip, bz2 or xz")
    opener = next((opener for magic, opener in _COMPRESSED.items() if begin.startswith(magic)), open)
    return opener(path, "rb")


def _records(path: Path, parse: Any) -> list[tuple[str, str]]:
    """Return name and sequence of each record."""
    binary: BinaryIO
    with _opened(path) as binary, io.TextIOWrapper(binary, encoding="utf-8-sig", errors="replace") as file:
        # The parser silently skips all lines before the first header.
        first = next((line for line in file if line.strip()), "")
        if not first:
            raise ValueError(f"{path} is empty: a FASTA file was expected")
        if not first.startswith(">"):
            raise ValueError(f"{path} begins with {first[:40].rstrip()!r}: a FASTA file begins with '>' and a name")
        file.seek(0)
        return list(parse(file))
