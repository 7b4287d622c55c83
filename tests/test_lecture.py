"""The pages of the lecture: their code runs as tests, what they name exists, and their drawings are light."""

import inspect
import re
import tomllib
from operator import attrgetter
from pathlib import Path

import pytest

import sklearn_ann
import sklearn_ann.convolution
import sklearn_ann.datasets
import sklearn_ann.inspection
import sklearn_ann.metrics

ROOT = Path(__file__).parents[1]
LECTURE, GUIDE = ROOT / "docs" / "lecture", ROOT / "docs" / "guide"
PAGES = sorted(LECTURE.glob("*.md"))
CHAPTERS = [page for page in PAGES if page.stem != "index"]
DRAWINGS = sorted(path for path in (LECTURE / "drawings").glob("*.py") if path.stem != "cells")
KINDS = {"class": inspect.isclass, "func": inspect.isfunction, "meth": inspect.isfunction}
ROLE = re.compile(r"\{(class|func|meth)\}`~sklearn_ann\.([\w.]+)`")


def test_code_of_the_pages_is_collected():
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    assert "docs" in options["testpaths"]
    assert "--doctest-glob=*.md" in options["addopts"]
    ignored = [ROOT / option.removeprefix("--ignore=") for option in options["addopts"] if "--ignore=" in option]
    assert not [page for page in PAGES if any(page.is_relative_to(path) for path in ignored)]
    assert LECTURE / "drawings" in ignored  # importing a drawing would draw it


@pytest.mark.parametrize("page", CHAPTERS, ids=lambda page: page.stem)
def test_each_chapter_has_its_parts(page):
    text = page.read_text()
    for part in (
        ">>> ",
        "$$ ",
        ".. plot:: ",
        "{literalinclude} drawings/",
        "## Try it",
        ":collapsible: closed",
        "../guide/",
    ):
        assert part in text
    code = [line for line in text.splitlines() if re.match(r"\s*(>>>|\.\.\.) ", line)]
    assert not [line for line in code if len(line) > 95]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_names_and_links_lead_somewhere(page):
    text = page.read_text()
    for kind, name in ROLE.findall(text):
        assert KINDS[kind](attrgetter(name)(sklearn_ann)), name
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        if link.startswith("../gallery/"):
            assert (ROOT / "examples" / f"{link.removeprefix('../gallery/')}.py").exists(), link
        else:
            assert (page.parent / link).exists(), link


def test_table_of_ideas():
    rows = [line for line in (LECTURE / "index.md").read_text().splitlines() if line.startswith("| ")][2:]
    assert len(rows) >= 26
    for row in rows:
        idea, name, place = row.strip("| ").split(" | ")
        [(_, public)] = ROLE.findall(name)
        chapter = (LECTURE / re.search(r"\((\w+\.md)\)", place).group(1)).read_text()
        assert public.split(".")[-1] in chapter, f"{idea}: {public} is not on its page"


@pytest.mark.parametrize("drawing", DRAWINGS, ids=lambda drawing: drawing.stem)
def test_drawings_are_short_and_shown(drawing):
    text = drawing.read_text()
    assert len(text.splitlines()) < 60
    pages = "".join(page.read_text() for page in [*PAGES, *GUIDE.glob("*.md")])
    assert f".. plot:: {drawing.name}" in pages
    assert re.search(r"\{literalinclude\} (\.\./lecture/)?drawings/" + drawing.name, pages)
    for line in re.findall(r"^from (sklearn_ann[\w.]*) import (.+)$", text, flags=re.MULTILINE):
        module = __import__(line[0], fromlist=["x"])
        assert set(line[1].split(", ")) <= set(module.__all__)
