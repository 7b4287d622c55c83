"""Imports run one way, as the design says."""

import ast
from pathlib import Path

import sklearn_ann

ROOT = Path(sklearn_ann.__file__).parent
ORDER = [
    {"_version", "layers", "datasets"},
    {"training"},
    {"base"},
    {"preprocessing"},
    {"embedding", "autoencoder", "generative", "convolution", "graph", "attention", "recurrent", "factorization"}
    | {"transfer"},
    {"inspection", "model_selection"},
]
LEVEL = {room: level for level, rooms in enumerate(ORDER) for room in rooms}


def imports():
    """Yield (file, its room, the dotted name of a module that it imports)."""
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path} has a relative import"
                names = [node.module] if node.module != "sklearn_ann" else [f"sklearn_ann.{a.name}" for a in node.names]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                continue
            yield from ((path, parts[0], name) for name in names)


def test_every_room_is_on_the_plan():
    rooms = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert rooms - {"__init__"} <= set(LEVEL)


def test_rooms_import_only_from_below():
    for path, room, name in imports():
        package, _, rest = name.partition(".")
        if package != "sklearn_ann" or room == "__init__":
            continue
        other = rest.split(".")[0]
        assert other == room or LEVEL[other] < LEVEL[room], f"{path} imports {name}"


def test_only_training_knows_skorch_and_layers_know_only_torch():
    import sys

    for path, room, name in imports():
        package = name.partition(".")[0]
        assert package != "skorch" or room == "training", f"{path} imports {name}"
        if room == "layers":
            assert package in {"torch", "sklearn_ann", *sys.stdlib_module_names}, f"{path} imports {name}"
