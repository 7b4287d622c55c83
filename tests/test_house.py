"""The house: imports run one way and in no circle, files and functions are short, each file has its test."""

import ast
import sys
from pathlib import Path

import sklearn_ann

ROOT = Path(sklearn_ann.__file__).parent
TESTS = Path(__file__).parent
FLOORS = [
    {"_version", "_sklearn", "_warnings", "layers", "datasets"},
    {"training"},
    {"reading"},
    {"base", "metrics"},
    {"preprocessing"},
    {"embedding", "autoencoder", "generative", "convolution", "graph", "attention", "recurrent", "factorization"}
    | {"transfer", "tabular", "translation"},
    {"files", "inspection", "model_selection"},
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def sources():
    return sorted(ROOT.rglob("*.py"))


def imports():
    """Yield (file, its room, the dotted name of a module that it imports), imports inside functions too."""
    for path in sources():
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
    assert rooms - {"__init__"} <= set(FLOOR)


def test_rooms_import_only_from_below():
    for path, room, name in imports():
        package, _, rest = name.partition(".")
        if package != "sklearn_ann" or room == "__init__":
            continue
        other = rest.split(".")[0]
        assert other == room or FLOOR[other] < FLOOR[room], f"{path} imports {name}"


def test_no_imports_run_in_a_circle():
    def module(path):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    modules = {module(path) for path in sources()}
    needs = {name: set() for name in modules}
    for path, _, name in imports():
        if name in modules:
            needs[module(path)].add(name)
    done, open_ = set(), []

    def visit(name):
        assert name not in open_, f"a circle: {' -> '.join([*open_[open_.index(name) :], name])}"
        if name not in done:
            open_.append(name)
            for other in sorted(needs[name]):
                visit(other)
            open_.pop()
            done.add(name)

    for name in sorted(modules):
        visit(name)


def test_only_the_adapter_knows_skorch_and_layers_know_only_torch():
    for path, room, name in imports():
        package = name.partition(".")[0]
        assert package != "skorch" or path.name == "adapter.py", f"{path} imports {name}"
        if room == "layers":
            known = {"torch", "torch_scatter", "sklearn_ann", *sys.stdlib_module_names}
            assert package in known, f"{path} imports {name}"


def test_private_names_of_scikit_learn_are_in_one_file():
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sklearn."):
                private = "._" in node.module or any(alias.name.startswith("_") for alias in node.names)
                assert not private or path.name == "_sklearn.py", f"{path} imports from {node.module}"


def test_files_and_functions_are_short():
    for path in sources():
        text = path.read_text()
        assert len(text.splitlines()) <= 500, f"{path} has more than 500 lines"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                docstring = node.body[0] if ast.get_docstring(node) else None
                prose = docstring.end_lineno - docstring.lineno + 1 if docstring else 0
                length = node.end_lineno - node.lineno + 1 - prose
                assert length <= 50, f"{path}:{node.lineno} {node.name} has {length} lines without its docstring"


def test_every_file_has_a_test_of_its_own_name():
    missing = []
    for path in sources():
        place = path.relative_to(ROOT)
        if path.stem not in ("__init__", "_version", "_sklearn"):
            test = TESTS / place.parent / f"test_{path.stem}.py"
            missing += [] if test.exists() else [str(test.relative_to(TESTS))]
    assert not missing
