"""What a release says of itself in several places is the same in all of them."""

import configparser
import re
from pathlib import Path

import pytest

import sklearn_ann

ROOT = Path(__file__).parents[1]
# Extras that no estimator needs, and torch-scatter, which is compiled.
TOOLS = {"test", "docs", "release", "bench", "scatter"}
NAMES_ON_CONDA = {"torch": "pytorch"}


def settings():
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "setup.cfg")
    return parser


def floors(section, option):
    """Yield (name, oldest version) of the requirements that an option of setup.cfg lists."""
    for line in settings()[section][option].splitlines():
        name, operator, version = line.partition(">=")
        if operator:
            yield name.partition("[")[0], version


def pins(file):
    lines = (ROOT / file).read_text().splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def value(text, key):
    """What stands behind the first `key:` of a YAML file."""
    return re.search(rf"^{key}: (.*)$", text, flags=re.MULTILINE)[1]


def links(file):
    """The targets of links and pictures of a page, without what stands in its code."""
    text = re.sub(r"```.*?```|`[^`]*`", "", (ROOT / file).read_text(), flags=re.DOTALL)
    return [target.partition("#")[0] for target in re.findall(r"\]\(([^)]*)\)", text)]


def test_floors_are_those_of_setup_cfg():
    """Libraries at their floors; the tools of the tests (pytest, mypy, ...) are the newest that go with them."""
    held = pins("constraints-floors.txt")
    needed = dict(floors("options", "install_requires"))
    for extra in settings()["options.extras_require"].keys() - TOOLS:
        needed |= floors("options.extras_require", extra)
    assert needed.items() <= held.items()
    tests = dict(floors("options.extras_require", "test"))
    assert {
        name: version for name, version in held.items() if name in tests and name not in needed
    }.items() <= tests.items()


def test_every_requirement_has_a_tested_version():
    tested = {name.lower() for name in pins("constraints.txt")}
    for section, option in [("options", "install_requires")] + [
        ("options.extras_require", extra) for extra in settings()["options.extras_require"]
    ]:
        assert {name.lower() for name, _ in floors(section, option)} <= tested


def test_recipe_and_citation_are_those_of_setup_cfg():
    metadata = settings()["metadata"]
    recipe = (ROOT / ".ci" / "conda" / "meta.yaml").read_text()
    assert f'{{% set version = "{sklearn_ann.__version__}" %}}' in recipe
    run = re.search(r"\n  run:\n((?:    - .*\n)+)", recipe)
    python = settings()["options"]["python_requires"].removeprefix(">=")
    needed = {f"{NAMES_ON_CONDA.get(name, name)} >={floor}" for name, floor in floors("options", "install_requires")}
    assert set(run[1].replace("    - ", "").splitlines()) == {*needed, f"python >={python}"}
    assert value(recipe, "  name") == metadata["name"]
    assert value(recipe, "  summary") == metadata["description"]

    citation = (ROOT / "CITATION.cff").read_text()
    assert value(citation, "version") == sklearn_ann.__version__
    assert value(citation, "  - name") == metadata["author"]
    assert value(citation, "license") == value(recipe, "  license") == metadata["license_expression"]


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md"])
def test_relative_links_lead_somewhere(page):
    missing = [target for target in links(page) if target and "://" not in target and not (ROOT / target).exists()]
    assert not missing


def test_page_of_the_package_stands_alone():
    """A package index follows no relative link, and an estimator that it names is one."""
    page = "docs/description.md"
    assert settings()["metadata"]["long_description"] == f"file: {page}"
    assert all("://" in target for target in links(page))
    text = (ROOT / page).read_text()
    named = set(re.findall(r"`([A-Z]\w+)`", text)) - {"Pipeline", "GridSearchCV"}
    assert named <= set(sklearn_ann.__all__)
    assert len(named) > 15


def test_both_front_pages_say_the_same():
    """The table of estimators, and the figures that were measured, are written twice: for readers of either page."""
    readme, package, site = (
        (ROOT / page).read_text() for page in ("README.md", "docs/description.md", "docs/index.md")
    )
    table, other = (re.findall(r"^\| your data .*?\n\n", text, re.M | re.S) for text in (readme, package))
    assert table == other != []
    rows = [re.sub(r"\{class\}`~sklearn_ann\.(\w+)`", r"`\1`", line) for line in site.splitlines()]
    assert all(any(row.startswith(line) for row in rows) for line in table[0].splitlines()[2:] if line)
    for figure in ("87 %", "76 %", "58 %", "17 times"):
        assert figure in readme
        assert figure in site
