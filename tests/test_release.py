"""What a release says of itself in several places is the same in all of them."""

import configparser
import re
import subprocess
import sys
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


def stated(root):
    """The first heading of the changelog, version and date of the citation, version of the recipe."""
    heading = re.search(r"^## (.*)$", (root / "CHANGELOG.md").read_text(), flags=re.MULTILINE)[1]
    citation = (root / "CITATION.cff").read_text()
    date = re.search(r"^date-released: (.*)$", citation, flags=re.MULTILINE)
    recipe = (root / ".ci" / "conda" / "meta.yaml").read_text()
    return heading, value(citation, "version"), date and date[1], re.search(r'set version = "(.*)"', recipe)[1]


def test_changelog_and_citation_name_the_release():
    heading, version, date, _ = stated(ROOT)
    number, _, development = version.partition(".dev")
    assert heading == f"[{number}] - {date or 'not released yet'}"
    assert (date is None) == bool(development)


def test_a_release_is_one_edit(tmp_path):
    """`make version` after an edit of _version.py writes all else, for a release and for the version after it."""
    for folder in ("sklearn_ann", ".ci/conda"):
        (tmp_path / folder).mkdir(parents=True)
    for place in ("CHANGELOG.md", "CITATION.cff", ".ci/conda/meta.yaml"):
        (tmp_path / place).write_text((ROOT / place).read_text())

    def stamped(version):
        (tmp_path / "sklearn_ann" / "_version.py").write_text(f'__version__ = "{version}"\n')
        subprocess.run([sys.executable, ROOT / ".ci" / "stamp.py", tmp_path], check=True)
        return stated(tmp_path)

    assert stamped("8.9.0.dev0") == ("[8.9.0] - not released yet", "8.9.0.dev0", None, "8.9.0.dev0")
    entries = (tmp_path / "CHANGELOG.md").read_text().partition("## [8.9.0] - not released yet\n")[2]
    heading, version, date, recipe = release = stamped("9.0.0")
    assert heading == f"[9.0.0] - {date}"
    assert version == recipe == "9.0.0"
    assert stamped("9.0.0") == release
    assert stamped("9.1.0.dev0") == ("[9.1.0] - not released yet", "9.1.0.dev0", None, "9.1.0.dev0")
    written = (tmp_path / "CHANGELOG.md").read_text()
    assert written.endswith(f"## [9.1.0] - not released yet\n\n## [9.0.0] - {date}\n{entries}")


SHOWN_BY_A_FORGE = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md", "CHANGELOG.md"]


@pytest.mark.parametrize("page", [*SHOWN_BY_A_FORGE, "docs/description.md"])
def test_no_role_of_the_site_where_nothing_renders_it(page):
    assert not re.findall(r"\{\w+\}`[~.\w]", (ROOT / page).read_text())


@pytest.mark.parametrize("page", SHOWN_BY_A_FORGE)
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
    for figure in ("87 %", "76 %", "56 %", "17 times"):
        assert figure in readme
        assert figure in site
    measured = (ROOT / "docs/benchmarks.md").read_text()
    figures = re.findall(r"0\.\d{3} \([^)]*\)", readme)
    assert len(figures) == 7
    assert all(figure in site and figure.split()[0] in measured for figure in figures)
