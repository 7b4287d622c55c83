"""Arrays, tensors and frames: the numbers in the member of tensors, the rest in the manifest."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor, nn

from sklearn_ann.files.errors import ModelFileError
from sklearn_ann.files.graph import Decoder, Encoder, Kind, Node, a_dict, a_list
from sklearn_ann.files.tensors import TYPES, is_finite

_TORCH_TYPES = {str(dtype): dtype for dtype in (*TYPES.values(), torch.complex64, torch.complex128)}
_MOST_LETTERS = 2**20  # of an array in the manifest
_CARRIED = re.compile(r"[<>]U[1-9]\d{0,6}|<[mM]8\[\d*[A-Za-z]+\]|<c8|<c16|\|S[1-9]\d{0,6}|>[iufc][248]|>c16")
_NUMPY_TYPE = re.compile(r"\|[bOu]1?|\|i1|[<>][iufcUSmM]\d{1,7}(\[\d*[A-Za-z]+\])?|\|[SV]\d{1,7}")
_BIT_GENERATORS = ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")
_SPARSE = ("csr_array", "csc_array", "csr_matrix", "csc_matrix")


# --- Tensors -------------------------------------------------------------------------------------------------------


def _encoded_tensor(value: Tensor, encoder: Encoder, where: str) -> Node:
    if value.layout != torch.strided or value.is_complex() or value.is_quantized or type(value) not in _TENSORS:
        raise ModelFileError(f"{where} is a {type(value).__name__} of layout {value.layout}, which files do not keep")
    learned = isinstance(value, nn.Parameter)
    plain = value.detach().cpu()
    if learned and not is_finite(plain):
        raise ModelFileError(f"{where} has weights that are NaN or infinite")
    columns = plain.ndim == 2 and not plain.is_contiguous() and plain.T.is_contiguous()
    node: Node = {"tensor": encoder.tensor(plain.T if columns else plain.contiguous())}
    if columns:
        node["order"] = "F"
    if learned:
        node["parameter"] = value.requires_grad
    return node


def _tensor_of(node: Node, decoder: Decoder, where: str) -> Tensor:
    tensor: Tensor = _turned(decoder.arrays.get(node["tensor"], where), node, where)
    if "parameter" not in node:
        return tensor
    if not is_finite(tensor):
        raise ModelFileError(f"{where} has weights that are NaN or infinite")
    return nn.Parameter(tensor, requires_grad=node["parameter"] is True)


def _turned(tensor: Any, node: Node, where: str) -> Any:
    """Return a matrix that lies in memory column after column, if the node says so: products are rounded by it."""
    order = node.get("order", "C")
    if order not in ("C", "F"):
        raise ModelFileError(f"{where} has the order {str(order)[:20]!r}; expected 'C' or 'F'")
    if order == "C":
        return tensor
    return tensor.T if isinstance(tensor, np.ndarray) else tensor.permute(*reversed(range(tensor.ndim)))


_TENSORS = (Tensor, nn.Parameter)


def _encoded_torch_type(value: torch.dtype, encoder: Encoder, where: str) -> Node:
    return {"torch.dtype": str(value)}


def _torch_type_of(node: Node, decoder: Decoder, where: str) -> torch.dtype:
    if node["torch.dtype"] not in _TORCH_TYPES:
        raise ModelFileError(f"{where} names the type {str(node['torch.dtype'])[:50]!r}, which torch does not have")
    return _TORCH_TYPES[node["torch.dtype"]]


def _encoded_device(value: torch.device, encoder: Encoder, where: str) -> Node:
    return {"torch.device": str(value)}


def _device_of(node: Node, decoder: Decoder, where: str) -> torch.device:
    if re.fullmatch(r"(cpu|cuda|mps)(:\d{1,3})?", str(node["torch.device"])) is None:
        raise ModelFileError(f"{where} names the device {str(node['torch.device'])[:50]!r}")
    return torch.device(node["torch.device"])


# --- Arrays --------------------------------------------------------------------------------------------------------


def _encoded_array(value: np.ndarray, encoder: Encoder, where: str) -> Node:
    node: Node
    if value.dtype.kind == "O" or (value.dtype.kind == "U" and value.size * value.dtype.itemsize <= 4 * _MOST_LETTERS):
        tag = "objects" if value.dtype.kind == "O" else "strings"
        items = value.ravel().tolist()
        if tag == "objects":
            items = [encoder.encode(item, f"{where}[{place}]") for place, item in enumerate(items)]
        node = {tag: items, "shape": list(value.shape)}
        if tag == "strings":
            node["dtype"] = value.dtype.str
    elif value.dtype.names:
        fields = {name: encoder.encode(np.ascontiguousarray(value[name]), where) for name in value.dtype.names}
        places = {name: value.dtype.fields[name][1] for name in value.dtype.names}  # type: ignore[index]
        node = {"records": fields, "offsets": places, "itemsize": value.dtype.itemsize}
    else:
        node = _encoded_numbers(value, encoder, where)
    return node if value.flags.writeable else node | {"readonly": True}


def _never(_: Any) -> bool:
    """Say no: these are arrays too, whose nodes have tags of their own."""
    return False


def _encoded_numbers(value: np.ndarray, encoder: Encoder, where: str) -> Node:
    columns = value.ndim > 1 and value.flags.f_contiguous and not value.flags.c_contiguous
    node: Node = {"order": "F"} if columns else {}
    plain = np.ascontiguousarray(value.T if columns else value).reshape((value.T if columns else value).shape)
    name = plain.dtype.str
    if _CARRIED.fullmatch(name):
        node["dtype"] = name
        if name[0] == ">":
            plain = plain.astype(plain.dtype.newbyteorder("<"))
        if plain.dtype.kind in "mMSUc":  # as what safetensors knows
            width = {"S": "u1", "U": "i4", "c": f"f{plain.dtype.itemsize // 2}"}.get(plain.dtype.kind, "i8")
            plain = plain[..., None].view(width)
    try:
        tensor = torch.from_numpy(plain if plain.flags.writeable else plain.copy())
    except TypeError as error:
        raise ModelFileError(f"{where} is an array of {value.dtype}, which files do not keep") from error
    return {"array": encoder.tensor(tensor)} | node


def _array_of(node: Node, decoder: Decoder, where: str) -> np.ndarray:
    tensor = decoder.arrays.get(node["array"], where)
    if tensor.dtype == torch.bfloat16:
        raise ModelFileError(f"{where} is an array of bfloat16, which NumPy does not have")
    array: np.ndarray = tensor.numpy()
    if "dtype" in node:
        name = node["dtype"]
        if not isinstance(name, str) or _CARRIED.fullmatch(name) is None:
            raise ModelFileError(f"{where} has the type {str(name)[:50]!r}, which files do not keep")
        dtype = np.dtype(name)
        if dtype.kind == "U" and array.size and not 0 <= array.min() <= array.max() <= 0x10FFFF:
            raise ModelFileError(f"{where} holds letters that do not exist")
        if dtype.kind in "mMSUc":
            array = np.ascontiguousarray(array).view(dtype.newbyteorder("<"))[..., 0]
        array = array.astype(dtype, copy=False)
    return _locked(_turned(array, node, where), node)


def _locked(array: np.ndarray, node: Node) -> np.ndarray:
    if node.get("readonly") is True:
        array.flags.writeable = False
    return array


def _shaped(items: list[Any], node: Node, dtype: Any, where: str) -> np.ndarray:
    shape = a_list(node.get("shape"), where)
    if not all(type(size) is int and size >= 0 for size in shape) or math.prod(shape) != len(items):
        raise ModelFileError(f"{where} has the shape {str(shape)[:50]}, but {len(items)} values")
    array = np.empty(len(items), dtype=dtype)
    for place, item in enumerate(items):  # an assignment at once would look into lists and arrays
        array[place] = item
    return _locked(array.reshape(shape), node)


def _objects_of(node: Node, decoder: Decoder, where: str) -> np.ndarray:
    return _shaped(decoder.decoded(node["objects"], where), node, object, where)


def _strings_of(node: Node, decoder: Decoder, where: str) -> np.ndarray:
    items, name = a_list(node["strings"], where), str(node.get("dtype"))
    if not all(isinstance(item, str) for item in items) or re.fullmatch(r"[<>]U\d{1,7}", name) is None:
        raise ModelFileError(f"{where} must be strings of a type such as '<U5'")
    if len(items) * int(name[2:]) > _MOST_LETTERS:
        raise ModelFileError(f"{where} has {len(items)} strings of the type {name}: so many are kept as a tensor")
    return _shaped(items, node, name, where)


def _records_of(node: Node, decoder: Decoder, where: str) -> np.ndarray:
    fields = decoder.by_name(node["records"], where)
    offsets, size = a_dict(node.get("offsets"), where), node.get("itemsize")
    if not fields or set(fields) != set(offsets) or type(size) is not int or not 0 < size < 2**16:
        raise ModelFileError(f"{where} must be records of named fields with offsets")
    arrays = list(fields.values())
    if not all(isinstance(array, np.ndarray) and array.ndim == 1 and array.dtype.kind in "biuf" for array in arrays):
        raise ModelFileError(f"{where} must be records of numbers")
    if {len(array) for array in arrays} != {len(arrays[0])}:
        raise ModelFileError(f"{where} has fields of different lengths")
    formats = [array.dtype for array in arrays]
    if size > 64 + sum(dtype.itemsize for dtype in formats):
        raise ModelFileError(f"{where} has records of {size} bytes, more than their fields take")
    places = [offsets[name] for name in fields]
    found = np.zeros(
        len(arrays[0]), dtype={"names": list(fields), "formats": formats, "offsets": places, "itemsize": size}
    )
    for name, array in fields.items():
        found[name] = array
    return _locked(found, node)


def _encoded_scalar(value: np.generic, encoder: Encoder, where: str) -> Node:
    if value.dtype.kind in "OV":
        raise ModelFileError(f"{where} is a {value.dtype}, which files do not keep")
    if value.dtype.kind in "biu":
        return {"scalar": value.item(), "dtype": value.dtype.str}
    if value.dtype.kind == "f" and value.dtype.itemsize <= 8:
        return {"scalar": encoder.encode(float(value), where), "dtype": value.dtype.str}
    if value.dtype.kind == "U":
        return {"scalar": str(value), "dtype": value.dtype.str}
    return {"scalar": encoder.encode(np.asarray(value), where), "dtype": value.dtype.str}


def _scalar_of(node: Node, decoder: Decoder, where: str) -> Any:
    value, dtype = decoder.decode(node["scalar"], where), _numpy_type(node.get("dtype"), where)
    if isinstance(value, np.ndarray):
        if value.shape != () or value.dtype != dtype:
            raise ModelFileError(f"{where} must be one value")
        return value[()]
    if not isinstance(value, str if dtype.kind == "U" else int | float):
        raise ModelFileError(f"{where} must be a number or a string")
    return np.str_(value) if dtype.kind == "U" else dtype.type(value)


def _numpy_type(name: Any, where: str) -> np.dtype:
    if not isinstance(name, str) or _NUMPY_TYPE.fullmatch(name) is None:
        raise ModelFileError(f"{where} names the type {str(name)[:50]!r}, which files do not keep")
    return np.dtype(name)


def _is_type(value: Any) -> bool:
    return isinstance(value, np.dtype) and value.names is None


def _encoded_type(value: np.dtype, encoder: Encoder, where: str) -> Node:
    return {"numpy.dtype": value.str}


def _type_of(node: Node, decoder: Decoder, where: str) -> np.dtype:
    return _numpy_type(node["numpy.dtype"], where)


def _encoded_masked(value: Any, encoder: Encoder, where: str) -> Node:
    data, mask = np.asarray(value.data), np.ma.getmaskarray(value)
    return {"masked": [encoder.encode(data, where), encoder.encode(mask, where)]}


def _masked_of(node: Node, decoder: Decoder, where: str) -> Any:
    data, mask = decoder.decoded(node["masked"], where)
    return np.ma.MaskedArray(data, mask)


def _encoded_sparse(value: Any, encoder: Encoder, where: str) -> Node:
    parts = {name: encoder.encode(getattr(value, name), where) for name in ("data", "indices", "indptr")}
    return {"sparse": type(value).__name__, "shape": list(map(int, value.shape)), "parts": parts}


def _sparse_of(node: Node, decoder: Decoder, where: str) -> Any:
    if node["sparse"] not in _SPARSE:
        raise ModelFileError(f"{where} has the format {str(node['sparse'])[:50]!r}; expected one of {_SPARSE}")
    parts = decoder.by_name(node.get("parts"), where)
    shape = a_list(node.get("shape"), where)
    if set(parts) != {"data", "indices", "indptr"} or not all(type(size) is int for size in shape) or len(shape) != 2:
        raise ModelFileError(f"{where} must have a shape, data, indices and indptr")
    cls: Callable[..., Any] = getattr(sp, node["sparse"])
    # Compiled code follows the indices without looking: an index that leads out of the matrix must not get there.
    matrix = cls((parts["data"], parts["indices"], parts["indptr"]), shape=tuple(shape), copy=False)
    matrix.check_format(full_check=True)
    for name in parts:
        if not parts[name].flags.writeable:
            getattr(matrix, name).flags.writeable = False
    return matrix


# --- Frames --------------------------------------------------------------------------------------------------------


def _encoded_frame(value: Any, encoder: Encoder, where: str) -> Node:
    import pandas as pd

    if value.columns.nlevels > 1 or not value.columns.is_unique:
        raise ModelFileError(f"{where} has columns of several levels or of equal names, which files do not keep")
    node: Node = {"frame": [encoder.encode(name, where) for name in value.columns.tolist()], "columns": []}
    if isinstance(value.index, pd.RangeIndex):
        rows = range(value.index.start, value.index.stop, value.index.step)
        node["index"] = len(value) if rows == range(len(value)) else encoder.encode(rows, where)
    else:
        node["index"] = encoder.encode(value.index.to_numpy(), where)
    for index, made in ((value.index, pd.Index(value.index.to_numpy())), (value.columns, pd.Index([*value.columns]))):
        if not (made.dtype == index.dtype and made.nlevels == index.nlevels and made.equals(index)):
            raise ModelFileError(f"{where} has a {type(index).__name__} of {index.dtype}, which files do not keep")
    if value.index.name is not None or value.columns.name is not None:
        node["names"] = [encoder.encode(name, where) for name in (value.index.name, value.columns.name)]
    for name in value.columns:
        column, dtype = value[name], value[name].dtype
        if isinstance(dtype, pd.CategoricalDtype):
            codes, categories = column.cat.codes.to_numpy(), dtype.categories.to_numpy()
            kept = [encoder.encode(codes, where), encoder.encode(categories, where), bool(dtype.ordered)]
        elif isinstance(dtype, np.dtype):
            kept = [encoder.encode(column.to_numpy(), where)]
        elif isinstance(dtype, pd.DatetimeTZDtype):
            kept = [encoder.encode(column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy(), where)]
        else:
            kept = [encoder.encode(column.to_numpy(dtype=object, na_value=None), where)]
        node["columns"].append([str(dtype), *kept])
    return node


_FRAME_TYPE = re.compile(
    r"u?int\d+|float\d+|bool|object|str|string|U?Int\d+|Float\d+|boolean|timedelta64\[\w+\]"
    r"|datetime64\[\w+(, [\w/+:-]+)?\]"
)


def _frame_of(node: Node, decoder: Decoder, where: str) -> Any:
    try:
        import pandas as pd
    except ImportError as error:
        raise ModelFileError(f"{where} is a data frame of pandas, which is not installed") from error
    names, series = decoder.decoded(node["frame"], where), []
    for given in a_list(node.get("columns"), where):
        kind, *kept = a_list(given, where)
        if kind == "category" and len(kept) == 3:
            codes, categories = (decoder.decode(part, where) for part in kept[:2])
            series.append(pd.Categorical.from_codes(codes, categories=categories, ordered=kept[2] is True))
        elif isinstance(kind, str) and _FRAME_TYPE.fullmatch(kind) and len(kept) == 1:
            column = pd.Series(decoder.decode(kept[0], where))
            column = column.dt.tz_localize("UTC") if "," in kind else column
            series.append(column.astype(kind).array)
        else:
            raise ModelFileError(f"{where} has a column of the type {str(kind)[:50]!r}, which files do not keep")
    index, titles = decoder.decode(node.get("index"), where), decoder.decoded(node.get("names", [None, None]), where)
    if len(series) != len(names) or not isinstance(index, int | range | np.ndarray) or len(titles) != 2:
        raise ModelFileError(f"{where} has {len(names)} names for {len(series)} columns")
    rows = range(index) if isinstance(index, int) else index
    if len(rows) != (len(series[0]) if series else 0):
        raise ModelFileError(f"{where} says {len(rows)} rows, which its columns do not have")
    frame = pd.DataFrame(dict(enumerate(series)), index=pd.Index(rows, name=titles[0]))
    frame.columns = pd.Index(names, name=titles[1])
    return frame


def _is_frame(value: Any) -> bool:
    return type(value).__name__ == "DataFrame" and type(value).__module__.partition(".")[0] == "pandas"


# --- Random numbers ------------------------------------------------------------------------------------------------


def _encoded_random(value: Any, encoder: Encoder, where: str) -> Node:
    if isinstance(value, torch.Generator):
        return {"random": "torch", "state": encoder.encode(value.get_state(), where)}
    legacy = isinstance(value, np.random.RandomState)
    state = value.get_state(legacy=False) if legacy else value.bit_generator.state
    return {"random": "legacy" if legacy else "generator", "state": encoder.encode(state, where)}


def _random_of(node: Node, decoder: Decoder, where: str) -> Any:
    kind, state = node["random"], decoder.decode(node.get("state"), where)
    if kind == "torch":
        generator = torch.Generator()
        generator.set_state(state)
        return generator
    if kind not in ("legacy", "generator") or not isinstance(state, dict):
        raise ModelFileError(f"{where} is no generator of random numbers")
    name = state.get("bit_generator")
    if name not in _BIT_GENERATORS:
        raise ModelFileError(f"{where} names the generator {str(name)[:50]!r}; expected one of {_BIT_GENERATORS}")
    inner = a_dict(state.get("state"), where)
    if name == "MT19937":  # NumPy does not check them, and reads where they lead
        key, position = inner.get("key"), inner.get("pos")
        fits = isinstance(key, np.ndarray) and key.shape == (624,) and key.dtype == np.uint32
        if not fits or type(position) is not int or not 0 <= position <= 624:
            raise ModelFileError(f"{where} must have 624 words and a position among them")
    if name == "Philox" and not 0 <= state.get("buffer_pos", -1) <= 4:
        raise ModelFileError(f"{where} has a position outside its buffer")
    bits = getattr(np.random, name)(0)
    if kind == "generator":
        bits.state = state
        return np.random.Generator(bits)
    random = np.random.RandomState(bits)
    random.set_state(state)
    return random


_RANDOM = (np.random.RandomState, np.random.Generator, torch.Generator)

KINDS = (
    Kind("tensor", lambda value: isinstance(value, Tensor), _encoded_tensor, _tensor_of),
    Kind("masked", lambda value: type(value) is np.ma.MaskedArray, _encoded_masked, _masked_of),
    Kind("array", lambda value: type(value) in (np.ndarray, np.memmap), _encoded_array, _array_of),
    Kind("objects", _never, _encoded_array, _objects_of),
    Kind("strings", _never, _encoded_array, _strings_of),
    Kind("records", _never, _encoded_array, _records_of),
    Kind("scalar", lambda value: isinstance(value, np.generic), _encoded_scalar, _scalar_of),
    Kind("numpy.dtype", _is_type, _encoded_type, _type_of),
    Kind("torch.dtype", lambda value: isinstance(value, torch.dtype), _encoded_torch_type, _torch_type_of),
    Kind("torch.device", lambda value: isinstance(value, torch.device), _encoded_device, _device_of),
    Kind("sparse", lambda value: type(value).__name__ in _SPARSE, _encoded_sparse, _sparse_of),
    Kind("random", lambda value: isinstance(value, _RANDOM), _encoded_random, _random_of),
    Kind("frame", _is_frame, _encoded_frame, _frame_of),
)
