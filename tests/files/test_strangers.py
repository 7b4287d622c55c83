"""Files of strangers: each is refused by name, nothing of it runs, and no memory is taken for what it promises."""

import copy
import json
import pickle
import tracemalloc
import zipfile

import numpy as np
import pytest
import torch
from forging import find, forge, members, nodes, repacked
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from torch import nn

from sklearn_ann import AutoEncoderTransformer, ModelFileError, RNNClassifier, load, save

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, Y = load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A file that opens: an auto-encoder before a forest."""
    path = tmp_path_factory.mktemp("good") / "model.sklann"
    forest = RandomForestClassifier(3, max_depth=3, random_state=0)
    save(make_pipeline(AutoEncoderTransformer(max_epochs=2, random_state=0), forest).fit(X, Y), path)
    return path


@pytest.fixture
def forged(good, tmp_path):
    """A function that changes manifest, header and bytes and expects a refusal."""

    def check(change, match, path=good):
        manifest, header, data = copy.deepcopy(members(path))
        changed = change(manifest, header, bytearray(data))
        bad = forge(tmp_path / "bad.sklann", manifest, header, bytes(changed or data))
        with pytest.raises(ModelFileError, match=match) as error:
            load(bad)
        assert str(bad) in str(error.value)

    return check


class Bomb:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return exec, (f"open({str(self.mark)!r}, 'w')",)


def refused(data, folder, match):
    (folder / "bad.sklann").write_bytes(data)
    with pytest.raises(ModelFileError, match=match) as error:
        load(folder / "bad.sklann")
    assert str(folder / "bad.sklann") in str(error.value)


# --- The outer file ------------------------------------------------------------------------------------------------


def test_a_pickle_is_no_model_and_does_not_run(good, tmp_path):
    mark = tmp_path / "ran"
    refused(pickle.dumps(Bomb(mark)), tmp_path, "a zip, but this is a pickle")
    planted = repacked(good, lambda entries: [*entries, ("model.pkl", pickle.dumps(Bomb(mark)))])
    refused(planted, tmp_path, r"it holds 'model\.pkl'")
    torch.save({"a": Bomb(mark)}, tmp_path / "bad.sklann")
    refused((tmp_path / "bad.sklann").read_bytes(), tmp_path, "it holds")
    assert not mark.exists()


@pytest.mark.parametrize("data", [b"", b"PK", b"{}", b"\0" * 1000], ids=["empty", "short", "json", "zeros"])
def test_what_is_no_zip(data, tmp_path):
    refused(data, tmp_path, "a model file is a zip, but this is something else")


def test_truncated_at_any_place(good, tmp_path):
    data = good.read_bytes()
    for length in (*range(4, len(data), len(data) // 25), len(data) - 1):
        refused(data[:length], tmp_path, "truncated")
    refused(data + b"\0", tmp_path, "truncated, or something follows")


@pytest.mark.parametrize("name", ["../manifest.json", "/etc/passwd", "a/../../b", "C:\\x", "\\\\host\\x", "..\\x"])
def test_names_that_lead_out_of_the_file(name, good, tmp_path):
    refused(repacked(good, lambda entries: [*entries, (name, b"")]), tmp_path, "leads out of the file")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.sklann"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_that_are_missing_foreign_twice_or_compressed(good, tmp_path):
    refused(repacked(good, lambda entries: entries[:1]), tmp_path, r"arrays\.safetensors 0 times")
    refused(repacked(good, lambda entries: [*entries, entries[0]]), tmp_path, r"manifest\.json 2 times")
    refused(repacked(good, lambda entries: [*entries, ("README", b"")]), tmp_path, "it holds 'README'")
    refused(repacked(good, list, zipfile.ZIP_DEFLATED), tmp_path, "compressed")
    many = repacked(good, lambda entries: [*entries, *((str(n), b"") for n in range(5000))])
    refused(many, tmp_path, "holds 5002 members")


def test_a_bomb_of_zeros_takes_no_memory(good, tmp_path):
    bomb = repacked(good, lambda entries: [("manifest.json", b"[" * 10**7), entries[1]], zipfile.ZIP_DEFLATED)
    tracemalloc.start()
    refused(bomb, tmp_path, "compressed")
    nested = repacked(good, lambda entries: [("manifest.json", b"[" * 3 * 10**6), entries[1]])
    refused(nested, tmp_path, "nested too deeply")
    commas = repacked(good, lambda entries: [("manifest.json", b"," * 5 * 10**6), entries[1]])
    refused(commas, tmp_path, "more than 4000000 values")
    assert tracemalloc.get_traced_memory()[1] < 64 * 2**20
    tracemalloc.stop()


# --- The tensors ---------------------------------------------------------------------------------------------------


def test_a_header_of_a_billion_rows(forged):
    def billion(manifest, header, data):
        header["0"]["shape"] = [10**9, 10**3]

    def with_offsets(manifest, header, data):
        header["0"].update(shape=[10**9, 10**3], data_offsets=[0, 4 * 10**12])

    tracemalloc.start()
    forged(billion, r"tensor 0 of shape \(1000000000, 1000\) takes")
    forged(with_offsets, "takes .* of ")
    assert tracemalloc.get_traced_memory()[1] < 64 * 2**20
    tracemalloc.stop()


def test_a_header_longer_than_its_file(good, tmp_path):
    def change(entries):
        return [entries[0], ("arrays.safetensors", (2**40).to_bytes(8, "little") + entries[1][1][8:])]

    refused(repacked(good, change), tmp_path, "the header of the tensors has 1099511627776 bytes")


def test_tensors_that_overlap_leave_gaps_or_are_unknown(forged):
    def overlap(manifest, header, data):
        one, two = [entry for entry in header.values() if entry["dtype"] == "F32"][:2]
        two.update(shape=one["shape"], data_offsets=one["data_offsets"])

    def unknown(manifest, header, data):
        header["0"]["dtype"] = "F4"

    def negative(manifest, header, data):
        header["0"]["shape"] = [-1, -4]

    def metadata(manifest, header, data):
        header["__metadata__"] = {"a": "b"}

    def longer(manifest, header, data):
        return data + b"\0" * 8

    forged(overlap, "overlap or leave a gap")
    forged(unknown, "unknown type 'F4'")
    forged(negative, "lists of integers, 0 or more")
    forged(metadata, "numbered from 0")
    forged(longer, "the tensors take")


def test_damaged_numbers_are_told_from_their_checksum(good, tmp_path):
    data = bytearray(good.read_bytes())
    with zipfile.ZipFile(good) as archive:
        place = archive.getinfo("arrays.safetensors").header_offset
    for offset in range(place + 3000, place + 9000, 501):
        broken = bytearray(data)
        broken[offset] ^= 16
        refused(broken, tmp_path, "damaged|header")


# --- The weights ---------------------------------------------------------------------------------------------------


def first_linear(manifest):
    return find(manifest, "parameters")


def test_weights_of_another_shape_than_the_layer_says(forged):
    def swapped(manifest, header, data):
        entry = header[str(first_linear(manifest)["parameters"]["weight"]["tensor"])]
        entry["shape"] = entry["shape"][::-1]

    def wider(manifest, header, data):
        first_linear(manifest)["attributes"]["in_features"] = 10**9

    forged(swapped, r"weight has the shape .*, but a Linear of these sizes has")
    forged(wider, r"weight has the shape .*1000000000")


def test_weights_that_are_not_finite_or_of_another_type(forged):
    def not_a_number(manifest, header, data):
        start, _ = header[str(first_linear(manifest)["parameters"]["weight"]["tensor"])]["data_offsets"]
        data[start : start + 4] = np.float32("nan").tobytes()
        return data

    def other_type(manifest, header, data):
        entry = header[str(first_linear(manifest)["parameters"]["weight"]["tensor"])]
        entry["dtype"] = "I32"

    def other_precision(manifest, header, data):
        for node in nodes(manifest):
            if isinstance(node, dict) and node.get("precision") == "float32":
                node["precision"] = "float64"

    forged(not_a_number, "weights that are NaN or infinite")
    forged(other_type, "damaged|must be")
    forged(other_precision, r"is of torch\.float32, but the fit was in torch\.float64")


def test_a_tensor_belongs_to_one_value(forged):
    def twice(manifest, header, data):
        found = [node for node in nodes(manifest) if isinstance(node, dict) and "tensor" in node]
        found[1]["tensor"] = found[0]["tensor"]

    def beyond(manifest, header, data):
        find(manifest, "tensor")["tensor"] = 10**6

    def unused(manifest, header, data):
        for node in nodes(manifest):
            if isinstance(node, dict) and "not_persistent" in node:
                return None
        header[str(len(header))] = {"dtype": "U8", "shape": [8], "data_offsets": [len(data), len(data) + 8]}
        return data + b"\0" * 8

    forged(twice, "belongs to another value already")
    forged(beyond, "names the tensor 1000000, but there are")
    forged(unused, "belongs to nothing")


def test_weights_of_recurrent_layers(forged, tmp_path):
    path = tmp_path / "rnn"
    save(RNNClassifier(max_epochs=1).fit(X, Y), path)

    def renamed(manifest, header, data):
        weights = next(node for node in nodes(manifest) if isinstance(node, dict) and "weight_ih_l0" in node)
        weights["weight_xx_l0"] = weights.pop("weight_ih_l0")

    def layers(manifest, header, data):
        find(manifest, "input_size")["num_layers"] = 10**9

    forged(renamed, "must have the weights", path)
    forged(layers, "from 1 to 999 layers", path)


# --- Names and objects ---------------------------------------------------------------------------------------------

NAMES = [
    "os.system",
    "builtins.eval",
    "builtins.exec",
    "torch.nn.modules.module.torch.hub.load",
    "torch.hub.load",
    "torch.nn.modules.module:torch.hub.load",
    "subprocess.Popen",
    "joblib.load",
    "numpy.load",
    "sklearn_ann.files.saving.load",
    "sklearn.datasets.fetch_openml",
    "sklearn_ann.training.loop.Training",
    "os",
    "",
    "sklearn.preprocessing.StandardScaler.__init__",
    None,
    ["numpy", "log"],
]


@pytest.mark.parametrize("name", NAMES, ids=str)
@pytest.mark.parametrize("tag", ["object", "module", "name", "class"])
def test_no_name_but_those_of_the_list(tag, name, forged):
    def change(manifest, header, data):
        if tag in ("name", "class"):
            node = find(manifest, "dict")
            node.clear()
            node.update({"name": name} if tag == "name" else {"dict": {}, "class": name})
        else:
            find(manifest, tag)[tag] = name

    forged(change, "is not among those that a file may name")


def test_nothing_is_imported_for_a_name(forged, monkeypatch):
    import importlib

    asked = []
    original = importlib.import_module
    monkeypatch.setattr(importlib, "import_module", lambda name: asked.append(name) or original(name))

    def change(manifest, header, data):
        find(manifest, "object")["object"] = "antigravity.fly"

    forged(change, "'antigravity.fly'")
    assert "antigravity" not in asked


def state_of(manifest, name):
    return next(
        node["state"] for node in nodes(manifest) if isinstance(node, dict) and str(node.get("object")).endswith(name)
    )


def test_attributes_that_would_replace_methods_or_read_files(forged):
    def method(manifest, header, data):
        state_of(manifest, "AutoEncoderTransformer")["transform"] = {"name": "numpy.log"}

    def special(manifest, header, data):
        state_of(manifest, "AutoEncoderTransformer")["__class__"] = {"name": "numpy.log"}

    def of_module(manifest, header, data):
        find(manifest, "parameters")["attributes"]["forward"] = {"name": "numpy.log"}

    def hooks(manifest, header, data):
        find(manifest, "parameters")["attributes"]["_forward_hooks"] = {"dict": [[1, {"name": "numpy.log"}]]}

    def memory(manifest, header, data):
        state_of(manifest, "Pipeline")["memory"] = "/tmp/cache"

    forged(method, "attribute 'transform', which is a method")
    forged(special, "attribute '__class__'")
    forged(of_module, "attribute 'forward', which is a method")
    forged(hooks, "attributes that no module of torch has")
    forged(memory, "files keep None alone")


def test_estimators_without_parameters_or_with_wrong_ones(forged):
    def lacks(manifest, header, data):
        del state_of(manifest, "AutoEncoderTransformer")["dropout"]

    def wrong(manifest, header, data):
        state_of(manifest, "AutoEncoderTransformer")["max_epochs"] = -5

    def no_estimator(manifest, header, data):
        manifest["model"] = {"dict": {}}
        header.clear()
        return bytearray(b"")

    forged(lacks, r"lacks its parameters \['dropout'\]")
    forged(wrong, "max_epochs")
    forged(no_estimator, "belongs to nothing|instead of an estimator|tensors take")


def test_unknown_versions_keys_and_values(forged):
    def newer(manifest, header, data):
        manifest["format"] = 2

    def true(manifest, header, data):
        manifest["format"] = True

    def more(manifest, header, data):
        manifest["code"] = "import os"

    def tag(manifest, header, data):
        manifest["model"] = {"python": "1"}

    def forward(manifest, header, data):
        manifest["model"] = {"ref": 7}

    forged(newer, "it has the format 2, but this version of sklearn_ann .* reads format 1")
    forged(true, "format True")
    forged(more, "must hold format, versions")
    forged(tag, "expected one tag that is known")
    forged(forward, "does not come before it")


def test_a_key_twice_and_what_is_not_json(good, tmp_path):
    def with_text(text):
        return repacked(good, lambda entries: [("manifest.json", text(entries[0][1])), entries[1]])

    refused(with_text(lambda text: text.replace(b'{"format":1', b'{"format":1,"format":1')), tmp_path, "key twice")
    refused(with_text(lambda text: text.replace(b'"format":1', b'"format":NaN')), tmp_path, "NaN, which is not JSON")
    refused(with_text(lambda text: text[:-1]), tmp_path, "is no JSON")
    refused(with_text(lambda text: b"\xff" + text), tmp_path, "is no JSON")


def test_pairs_of_pairs_of_pairs_come_to_an_end(forged):
    def laughs(manifest, header, data):
        node = {"list": [], "id": 1000}
        for number in range(1000, 1090):
            node = {"list": [node, {"ref": number}], "id": number + 1}
        state_of(manifest, "AutoEncoderTransformer")["verbose"] = node

    forged(laughs, "counted as often as they are shared|nested too deeply")


# --- Compiled code -------------------------------------------------------------------------------------------------


def records(manifest, header, data, name):
    tree = find(manifest, "tree")
    number = tree["nodes"]["records"][name]["array"]
    start, stop = header[str(number)]["data_offsets"]
    return start, np.frombuffer(bytes(data[start:stop]), dtype=np.int64).copy()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("left_child", 0),
        ("left_child", 10**9),
        ("right_child", -7),
        ("right_child", 11),
        ("feature", -7),
        ("feature", 2),
    ],
)
def test_trees_do_not_lead_out_of_their_arrays(name, value, forged):
    def change(manifest, header, data):
        start, values = records(manifest, header, data, name)
        values[0] = value
        data[start : start + values.nbytes] = values.tobytes()
        return data

    forged(change, "has a node, 0, whose children or feature do not exist")


def test_trees_and_points_of_other_widths(forged, tmp_path):
    def features(manifest, header, data):
        find(manifest, "tree")["tree"][0] = 10**6

    def points(manifest, header, data):
        state_of(manifest, "KNeighborsClassifier")["n_features_in_"] = 40

    path = tmp_path / "neighbors"
    save(KNeighborsClassifier().fit(X, Y), path)
    forged(features, "tree_ has 1000000 features")
    forged(points, "one column for each of 40 features", path)


def test_a_module_without_its_weights(forged):
    def change(manifest, header, data):
        first_linear(manifest)["parameters"]["weight"] = None

    forged(change, "has no weight")
    assert nn.Linear(2, 3).weight.shape == (3, 2)  # what the check above goes by


def test_averages_of_an_optimiser_have_the_shapes_of_the_weights(forged, tmp_path):
    path = tmp_path / "trained"
    save(AutoEncoderTransformer(max_epochs=1).fit(X), path, optimizer=True)

    def state(manifest):
        return next(node for node in nodes(manifest) if isinstance(node, dict) and "exp_avg" in node)

    def shorter(manifest, header, data):
        entry = header[str(state(manifest)["exp_avg"]["tensor"])]
        entry["shape"] = entry["shape"][::-1]

    def scalar(manifest, header, data):
        state(manifest)["exp_avg_sq"] = 0

    def foreign(manifest, header, data):
        state(manifest)["closure"] = 0

    for change in (shorter, scalar, foreign):
        forged(change, "does not fit its weights|belongs to nothing", path)


def test_numbers_of_a_generator_stay_in_their_buffer(forged):
    def change(manifest, header, data):
        find(manifest, "random")["state"]["dict"]["state"]["dict"]["pos"] = 10**6

    forged(change, "624 words and a position among them")


def test_the_message_is_short(forged, good):
    manifest, _, _ = members(good)
    assert len(json.dumps(manifest)) > 1000

    def change(manifest, header, data):
        find(manifest, "object")["object"] = "x" * 10**6

    forged(change, "x{200}'")
