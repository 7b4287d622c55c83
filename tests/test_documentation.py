"""The site names what there is, and docstrings say all that numpydoc asks for."""

import importlib
import importlib.util
import inspect
import re
from pathlib import Path

import discovery
import pytest
from numpydoc.validate import validate

DOCS = Path(__file__).parents[1] / "docs"
EXAMPLES = DOCS.parent / "examples"
ROOMS = (
    "", ".attention", ".autoencoder", ".convolution", ".datasets", ".embedding", ".files", ".generative", ".graph",
    ".inspection", ".metrics", ".model_selection", ".preprocessing", ".tabular", ".translation",
)  # fmt: skip


def public():
    """Yield the dotted name of every public class and function once, the shortest."""
    seen = {}
    for room in ROOMS:
        module = importlib.import_module("sklearn_ann" + room)
        for name in module.__all__:
            item = getattr(module, name)
            if inspect.isclass(item) or inspect.isfunction(item):
                seen.setdefault(item, f"{module.__name__}.{name}")
    return seen


PUBLIC = public()


def methods():
    for item, name in PUBLIC.items():
        yield name
        if inspect.isclass(item):
            own = (part for part in dir(item) if not part.startswith("_"))
            yield from (
                f"{name}.{part}"
                for part in own
                if inspect.isfunction(getattr(item, part)) and getattr(item, part).__module__.startswith("sklearn_ann")
            )


def test_reference_lists_every_public_name():
    listed = set(re.findall(r"^   ([\w.]+)$", (DOCS / "api.rst").read_text(), flags=re.MULTILINE))
    assert listed == {name.removeprefix("sklearn_ann.") for name in PUBLIC.values()}


def links():
    specification = importlib.util.spec_from_file_location("links", DOCS / "links.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("line", "linked"),
    [
        ("as in `Chunks`, after `fit`", "as in :py:obj:`~sklearn_ann.Chunks`, after :py:meth:`~{page}.fit`"),
        ("`GraphSet.from_list`", ":py:meth:`GraphSet.from_list <sklearn_ann.GraphSet.from_list>`"),
        ("`GCNRegressor` itself", "``GCNRegressor`` itself"),
        ("`tol`, `history_` and ``fit``", "`tol`, `history_` and ``fit``"),
    ],
)
def test_names_in_docstrings_become_links(line, linked):
    page = "sklearn_ann.GCNRegressor"
    assert links().with_links(line, page, links().named(page), {"tol"}) == linked.format(page=page)


def test_every_reference_page_links_to_a_page_of_the_guide():
    pages = links().guide_pages()
    assert set(pages) == set(PUBLIC.values())
    assert all(page and (DOCS / f"{page.removeprefix('/')}.md").exists() for page in pages.values())


# --- The gallery ---------------------------------------------------------------------------------------------------

SCRIPTS = sorted(EXAMPLES.glob("plot_*.py"))


def test_the_gallery_lists_every_example_once_and_in_one_order():
    index = (EXAMPLES / "index.rst").read_text()
    shown = re.findall(r"^   \.\./examples/(\w+)\.py$", index, flags=re.MULTILINE)
    listed = re.findall(r"^   (plot_\w+)$", index, flags=re.MULTILINE)
    assert shown == listed
    assert sorted(shown) == [script.stem for script in SCRIPTS]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_an_example_names_what_it_uses_and_states_its_baseline(script):
    text = script.read_text()
    title = text.splitlines()[1]
    names = {name.rpartition(".")[2] for name in PUBLIC.values()}
    assert names & set(title.split()), title
    assert "baseline" in text.lower()


@pytest.mark.parametrize("estimator", discovery.PUBLIC, ids=lambda estimator: estimator.__name__)
def test_every_estimator_has_an_example(estimator):
    assert any(re.search(rf"\b{estimator.__name__}\(", script.read_text()) for script in SCRIPTS)


# --- Lines of code -------------------------------------------------------------------------------------------------

WIDEST = 95  # what fits beside the columns of a page


def lines_of_code(text):
    """Yield the lines of fenced blocks, and of doctests."""
    fence = None
    for line in text.splitlines():
        if line.startswith("```"):
            fence = line if fence is None else None
        elif (fence and not fence.startswith("```{")) or line.lstrip().startswith((">>> ", "... ")):
            yield line


def test_code_of_pages_is_not_cut():
    pages = [page.relative_to(DOCS) for page in DOCS.glob("**/*.md")]
    pages = [page for page in pages if not {"_build", "gallery"} & set(page.parts)]
    wide = {
        page.with_suffix("").as_posix()
        for page in pages
        if any(len(line) > WIDEST for line in lines_of_code((DOCS / page).read_text()))
    }
    assert not wide


def test_code_of_docstrings_is_not_cut():
    wide = [
        (PUBLIC[item], line)
        for item in PUBLIC
        for line in lines_of_code(inspect.getdoc(item) or "")
        if len(line) > WIDEST
    ]
    assert not wide


# --- Docstrings ----------------------------------------------------------------------------------------------------

# What numpydoc's rules say of the content. Not asked: an extended summary, "See Also", notes and examples of every
# method (ES01, SA01, EX01), the blank line and full stop at fixed places, the infinitive, capital letters (GL01, GL02,
# GL03, SS03, SS05, SS06, RT02, RT03, RT05, PR06, PR08, PR09), which are the house's own style.
ASKED = {"GL08", "SS01", "PR01", "PR02", "PR03", "PR04", "PR07", "PR10", "RT01", "YD01"}


@pytest.mark.parametrize("name", list(methods()))
def test_docstring_is_complete(name):
    errors = [f"{code}: {text}" for code, text in validate(name)["errors"] if code in ASKED]
    assert not errors


@pytest.mark.parametrize("page", sorted((DOCS / "guide").glob("*.md")), ids=lambda page: page.stem)
def test_figures_of_a_page_are_measured(page):
    """A figure of three decimals stands in the benchmarks, or is computed on the page."""
    text = page.read_text()
    code = "".join(re.findall(r"```.*?```", text, flags=re.DOTALL))
    prose = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)  # a learning rate is no figure
    figures = set(re.findall(r"(?<![\d.])\d\.\d{3}\b", prose))
    measured = set(re.findall(r"(?<![\d.])\d\.\d{3}\b", (DOCS / "benchmarks.md").read_text() + code))
    assert not sorted(figures - measured)
    assert not figures - set(re.findall(r"\d\.\d{3}\b", code)) or "benchmarks.md" in text


@pytest.mark.parametrize(("chapter", "least"), [("transfer", 80), ("masked", 12)])
def test_figures_of_the_guide_are_those_of_the_benchmarks(chapter, least):
    guide = (DOCS / "guide" / f"{chapter}.md").read_text()
    prose = re.sub(r"```.*?```|`[^`]*`", "", guide, flags=re.DOTALL)  # a learning rate is no figure
    figures = set(re.findall(r"\b\d\.\d{3}\b", prose))
    assert len(figures) > least
    benchmarks = (DOCS / "benchmarks.md").read_text()
    sections = [benchmarks.split(f"\n## {name}\n")[1].split("\n## ")[0] for name in ("Transfer", "Masked letters")]
    measured = "".join(sections)
    assert not sorted(figures - set(re.findall(r"\b\d\.\d{3}\b", measured)))
