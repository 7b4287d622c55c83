"""The site names what there is, and docstrings say all that numpydoc asks for."""

import importlib
import inspect
import re
from pathlib import Path

import pytest
from numpydoc.validate import validate

DOCS = Path(__file__).parents[1] / "docs"
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


# What numpydoc's rules say of the content. Not asked: an extended summary, "See Also", notes and examples of every
# method (ES01, SA01, EX01), the blank line and full stop at fixed places, the infinitive, capital letters (GL01, GL02,
# GL03, SS03, SS05, SS06, RT02, RT03, RT05, PR06, PR08, PR09), which are the house's own style.
ASKED = {"GL08", "SS01", "PR01", "PR02", "PR03", "PR04", "PR07", "PR10", "RT01", "YD01"}


@pytest.mark.parametrize("name", list(methods()))
def test_docstring_is_complete(name):
    errors = [f"{code}: {text}" for code, text in validate(name)["errors"] if code in ASKED]
    assert not errors


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
