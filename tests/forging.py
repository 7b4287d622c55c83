"""Files that somebody has changed, with the checksums of a file that nobody has."""

import copy
import io
import json
import zipfile
import zlib

from sklearn_ann.files.archive import MANIFEST, TENSORS
from sklearn_ann.files.tensors import checksum


def members(path):
    """The manifest, the header of the tensors and their bytes."""
    with zipfile.ZipFile(path) as archive:
        manifest, data = json.loads(archive.read(MANIFEST)), archive.read(TENSORS)
    length = int.from_bytes(data[:8], "little")
    return manifest, json.loads(data[8 : 8 + length]), data[8 + length :]


def forge(path, manifest, header, data, *, sums=True):
    """Write a file of these members; its checksums fit, so that only what they mean can be refused."""
    import numpy as np

    text = json.dumps(header).encode()
    text = len(text).to_bytes(8, "little") + text
    manifest = copy.copy(manifest)
    if sums:
        manifest["header"] = zlib.crc32(text)
        found = []
        for number in range(len(header)):
            try:
                start, stop = header[str(number)]["data_offsets"]
                found.append(checksum(np.frombuffer(data[start:stop], dtype=np.uint8)))
            except (KeyError, TypeError, ValueError):
                found.append(0)
        manifest["sums"] = found
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(MANIFEST, json.dumps(manifest))
        archive.writestr(TENSORS, text + data)
    return path


def repacked(path, change, compression=zipfile.ZIP_STORED):
    """The bytes of a zip whose list of (name, bytes) `change` has altered."""
    with zipfile.ZipFile(path) as archive:
        entries = [(info.filename, archive.read(info)) for info in archive.infolist()]
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", compression) as archive:
        for name, data in change(entries):
            archive.writestr(name, data)
    return target.getvalue()


def nodes(value, found=None):
    """Every object and list of a JSON value."""
    found = [] if found is None else found
    if isinstance(value, dict | list):
        found.append(value)
        for part in value.values() if isinstance(value, dict) else value:
            nodes(part, found)
    return found


def find(value, key):
    """The first object of a JSON value that has `key`."""
    return next(node for node in nodes(value) if isinstance(node, dict) and key in node)


_ODD = (None, True, -1, 0, 1, 2**31, 2**63, 10**30, 1.5, "", "x", "os.system", "../x", [], {}, {"ref": 0}, [1], "nan")


def mutated(value, rng):
    """A copy of a JSON value with one to three random changes."""
    value = copy.deepcopy(value)
    for _ in range(rng.integers(1, 4)):
        places = nodes(value)
        place = places[rng.integers(len(places))]
        if not place:
            continue
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = keys[rng.integers(len(keys))]
        how = rng.integers(5)
        if how == 0:
            del place[key]
        elif how == 1:
            other = places[rng.integers(len(places))]
            place[key] = copy.deepcopy(other)
        elif how == 2 and isinstance(place, dict):
            place[str(_ODD[rng.integers(len(_ODD))])] = place.pop(key)
        elif how == 3 and type(place[key]) is int:
            place[key] += int(rng.integers(-2, 3))
        else:
            place[key] = copy.deepcopy(_ODD[rng.integers(len(_ODD))])
    return value


def tripped(value, folder, trusted=()):
    """A value after its way through JSON and a member of tensors."""
    from sklearn_ann.files.graph import Decoder, Encoder
    from sklearn_ann.files.names import Names
    from sklearn_ann.files.saving import KINDS
    from sklearn_ann.files.tensors import Arrays, StoredArrays

    encoder = Encoder(KINDS, Names(trusted))
    node = json.loads(json.dumps(encoder.encode(value, "value"), allow_nan=False))
    arrays = Arrays(encoder.tensors)
    path = folder / "tensors"
    path.write_bytes(b"".join(bytes(part) for part in arrays.parts()))
    with path.open("rb") as file:
        stored = StoredArrays(file, 0, arrays.size)
        stored.expect(arrays.sums)
        return Decoder(KINDS, Names(trusted), stored).decode(node, "value")
