"""The outer file: a zip of exactly two members that are stored as they are, a manifest and the tensors.

Everything is held against the size of the file before it is read, so that no file takes more memory than its size.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from sklearn_ann.files.errors import ModelFileError
from sklearn_ann.files.tensors import Arrays

MANIFEST, TENSORS = "manifest.json", "arrays.safetensors"
MOST_MANIFEST = 2**26
_END = struct.Struct("<4s4H2LH")  # the record at the end of a zip
_LOCAL = struct.Struct("<4s5H3L2H")  # the record before each member
_MOST_DIRECTORY = 2**16
_ALIGNMENT = 64
_PADDING = 0xD935  # the number that Android's tool gives to extra bytes which align a member


class Stored(NamedTuple):
    """An open model file."""

    manifest: bytes
    start: int
    size: int  # of the tensors


def write(path: Path, manifest: bytes, arrays: Arrays, check: Callable[[Path], object]) -> None:
    """Write a model file; see `replaced`."""
    with replaced(path, check) as file, zipfile.ZipFile(file, "w") as archive:
        archive.writestr(_member(MANIFEST), manifest)
        info = _member(TENSORS)
        info.file_size = arrays.size
        # With force_zip64, twenty bytes of sizes come before the padding.
        info.extra = _padding(file.tell() + _LOCAL.size + len(TENSORS) + 20)
        with archive.open(info, "w", force_zip64=True) as member:
            for part in arrays.parts():
                member.write(part)


@contextlib.contextmanager
def replaced(path: Path, check: Callable[[Path], object] | None = None) -> Iterator[BinaryIO]:
    """Open a file under another name and then rename it: a file that is there stays whole until the new one is.

    Parameters
    ----------
    path : Path
        The file, or a link to it.
    check : callable or None
        Gets the path of the new file before it takes the place of the old one; what it raises leaves the old one there.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    IsADirectoryError
        If `path` is a folder.
    ValueError
        If it is no file on a disk, such as a device.
    """
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise IsADirectoryError(f"path={str(path)!r} is a folder: expected the name of a file")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"path={str(path)!r}: there is no folder {str(target.parent)!r}")
    if target.exists() and not target.is_file():
        raise ValueError(f"path={str(path)!r} is a device or a pipe: expected the name of a file")
    before = stat.S_IMODE(target.stat().st_mode) if target.exists() else None
    mode = 0o666 if before is None else before  # less what the umask takes
    temporary = target.with_name(f".{secrets.token_hex(8)}{target.suffix}")
    try:
        with open(temporary, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # or a machine that stops now may keep the new name and nothing under it
        if check is not None:
            check(temporary)
        if before is not None:
            temporary.chmod(before)
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
        raise


def _member(name: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))  # equal models make equal files


def _padding(start: int) -> bytes:
    length = -(start + 4) % _ALIGNMENT
    return struct.pack("<2H", _PADDING, length) + bytes(length)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading; what is wrong with it is told with its path."""
    with path.open("rb") as file:
        try:
            yield file
        except ModelFileError as error:
            raise ModelFileError(f"{path} cannot be opened as a model: {error}") from error
        except Exception as error:  # what no check foresees: still nothing of the file has run
            raise ModelFileError(
                f"{path} cannot be opened as a model: it is damaged ({type(error).__name__}: {str(error)[:300]})"
            ) from error


def read(file: BinaryIO) -> Stored:
    """Check the outer file and read its manifest.

    Raises
    ------
    ModelFileError
        If it is no zip of the two members.
    """
    size = file.seek(0, os.SEEK_END)
    _check_end(file, size)
    with zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
    _check_members(infos)
    spans = [_span(file, info, size) for info in infos]
    (_, first), (second, _) = sorted(spans)
    if first > second:
        raise ModelFileError("its two members overlap")
    by_name = dict(zip((info.filename for info in infos), zip(infos, spans, strict=True), strict=True))
    (info, (start, stop)), (_, (tensors, end)) = by_name[MANIFEST], by_name[TENSORS]
    if stop - start > MOST_MANIFEST:
        raise ModelFileError(f"its manifest has {stop - start} bytes; more than {MOST_MANIFEST} are not read")
    file.seek(start)
    manifest = file.read(stop - start)
    if zlib.crc32(manifest) != info.CRC:
        raise ModelFileError("its manifest is damaged: the checksum differs")
    return Stored(manifest, tensors, end - tensors)


def _check_end(file: BinaryIO, size: int) -> None:
    """Check what a zip says of itself in its last bytes, before a list of members of any length is read."""
    file.seek(0)
    begin = file.read(4)
    if begin != b"PK\x03\x04":
        kind = "a pickle, which is never opened here" if begin[:1] == b"\x80" else "something else"
        raise ModelFileError(f"a model file is a zip, but this is {kind}")
    if size < _END.size:
        raise ModelFileError("it is truncated")
    file.seek(size - _END.size)
    mark, *_, entries, directory, _, comment = _END.unpack(file.read(_END.size))
    if mark != b"PK\x05\x06" or comment:
        raise ModelFileError("it is truncated, or something follows its end")
    if directory > _MOST_DIRECTORY:
        raise ModelFileError(f"it holds {entries} members; a model file has two, {MANIFEST} and {TENSORS}")


def _check_members(infos: list[zipfile.ZipInfo]) -> None:
    names = [info.orig_filename for info in infos]  # zipfile cuts the other one at a zero byte
    for name in names:
        if name.startswith(("/", "\\")) or ":" in name or ".." in name.replace("\\", "/").split("/"):
            raise ModelFileError(f"the name of its member {name[:200]!r} leads out of the file")
        if name not in (MANIFEST, TENSORS):
            raise ModelFileError(f"it holds {name[:200]!r}; a model file has {MANIFEST} and {TENSORS} and nothing else")
    for name in (MANIFEST, TENSORS):
        if names.count(name) != 1:
            raise ModelFileError(f"it holds {name} {names.count(name)} times instead of once")
    if min(info.header_offset for info in infos):
        raise ModelFileError("something stands before its first member")
    for info in infos:
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
            raise ModelFileError(f"its member {info.filename} is compressed; model files are stored as they are")
        if info.flag_bits & ~0x800:
            raise ModelFileError(f"its member {info.filename} is encrypted or has other flags ({info.flag_bits:#x})")


def _span(file: BinaryIO, info: zipfile.ZipInfo, size: int) -> tuple[int, int]:
    """Return where the bytes of a member begin and end."""
    file.seek(info.header_offset)
    record = file.read(_LOCAL.size)
    if len(record) < _LOCAL.size:
        raise ModelFileError("it is truncated")
    mark, _, flags, method, *_, n_name, n_extra = _LOCAL.unpack(record)
    name = file.read(n_name)
    if mark != b"PK\x03\x04" or flags & ~0x800 or method or name != info.filename.encode():
        raise ModelFileError(f"its list of members and the member {info.filename} itself contradict each other")
    start = info.header_offset + _LOCAL.size + n_name + n_extra
    stop = start + info.file_size
    if stop > size - _END.size:
        raise ModelFileError(f"its member {info.filename} has {info.file_size} bytes, more than the file")
    return start, stop
