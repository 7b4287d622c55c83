"""How the site is built: `make docs`."""

from __future__ import annotations

import inspect
import re
import sys
import urllib.request
import warnings
from pathlib import Path

import matplotlib as mpl

sys.path.insert(0, str(Path(__file__).parent))

from links import guide_pages, named, with_links

import sklearn_ann
from sklearn_ann.base.docstrings import parameter_groups
from sklearn_ann.base.links import SITE

mpl.use("agg")

project = "sklearn_ann"
author = "The sklearn_ann developers"
copyright = f"2026, {author}"  # noqa: A001
release = version = sklearn_ann.__version__

extensions = [
    "matplotlib.sphinxext.plot_directive",
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx-mathjax-offline",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = [
    "_build",
    "description.md",  # what a package index shows
    "gallery/*.md",
    "gallery/backreferences/*",
    "**/sg_execution_times.rst",
    "sg_execution_times.rst",
]
templates_path = ["_templates"]
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"  # docstrings say it in words
smartquotes = False  # quotes around values such as "auto" are code
toc_object_entries_show_parents = "hide"  # the column at the right is narrow
autodoc_default_options = {"members": True, "inherited-members": True}
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

# The drawings of docs/lecture and docs/guide.
plot_basedir = str(Path(__file__).parent / "lecture" / "drawings")
plot_formats = [("png", 200)]  # 5.6 inches wide, and sharp on a phone
plot_html_show_formats = plot_html_show_source_link = False

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


def reachable(inventories):
    """The inventories of other sites that answer; without a network the links to them are left out."""
    found = {}
    for name, url in inventories.items():
        try:
            urllib.request.urlopen(f"{url}objects.inv", timeout=5).close()
        except OSError:
            print(f"{url} does not answer: no links to it")  # noqa: T201
        else:
            found[name] = (url, None)
    return found


intersphinx_mapping = reachable(
    {
        "python": "https://docs.python.org/3/",
        "numpy": "https://numpy.org/doc/stable/",
        "sklearn": "https://scikit-learn.org/stable/",
        "torch": "https://docs.pytorch.org/docs/stable/",
    }
)
# What is inherited from scikit-learn refers to its site.
suppress_warnings = [] if "sklearn" in intersphinx_mapping else ["ref.ref", "ref.term"]

# Names of this package that lead nowhere are warnings, which `make docs` counts as errors.
nitpicky = True
nitpick_ignore_regex = [(".*", r"(?!sklearn_ann).*")]


# --- The gallery ---------------------------------------------------------------------------------------------------

warnings.filterwarnings("ignore", message=".*FigureCanvasAgg is non-interactive.*")
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "copyfile_regex": r"index\.rst",
    "filename_pattern": r"plot_",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 5,
    "capture_repr": (),
    "backreferences_dir": "gallery/backreferences",
    "doc_module": ("sklearn_ann",),
    "minigallery_sort_order": "links.place_in_gallery",
}


# --- The reference -------------------------------------------------------------------------------------------------

autosummary_context = {"guide_pages": guide_pages()}

HEADINGS = {"training": "Parameters of the training", "running": "Parameters of the hardware and the run"}


def group_parameters(_app, _what, _name, obj, _options, lines):
    """Give each group of parameters of an estimator a heading of its own, after numpydoc has written the list."""
    if not inspect.isclass(obj) or ":Parameters:" not in lines:
        return
    groups = parameter_groups(obj, inspect.signature(obj).parameters)
    if not all(groups.values()):
        return
    first = {names[0]: group for group, names in groups.items()}
    for number in range(len(lines) - 1, -1, -1):
        found = re.match(r"    \*\*(\w+)\*\* ?:", lines[number])
        heading = HEADINGS.get(first.get(found[1], "")) if found else None
        if heading:
            lines[number:number] = [f":{heading}:", ""]


def link_names(_app, what, name, obj, _options, lines):
    """Link the names of the package within docstrings; without a network, name what of scikit-learn is not linked."""
    page = name if what in ("class", "exception", "function") else name.rpartition(".")[0]
    owner = named(page)
    parameters = set(inspect.signature(obj).parameters) if callable(obj) and what != "exception" else set()
    for number, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            lines[number] = with_links(line, page, owner if inspect.isclass(owner) else None, parameters)
        if "sklearn" not in intersphinx_mapping:
            lines[number] = re.sub(r":ref:`sphx_glr_\S+`", "the gallery of scikit-learn", lines[number])


PARAMETERS = {
    name
    for public in guide_pages()
    if hasattr(named(public), "get_params")  # an estimator
    for name in inspect.signature(named(public)).parameters
}
INHERITED = {"add_note", "count", "index", "with_traceback"}  # of exceptions and tuples


def skip_member(_app, _what, name, obj, _skip, _options):
    """Leave out what says nothing: fields of tuples, defaults that the parameters describe, requests of metadata."""
    if name in INHERITED or type(obj).__name__ == "_tuplegetter" or (obj is None and name in PARAMETERS):
        return True
    return True if name.startswith("set_") and name.endswith("_request") else None


def end_code(_app, _name, source):
    """Remove the empty line that ends a doctest on a page: without it, the fence would belong to the output."""
    source[0] = re.sub(r"\n\n```$", "\n```", source[0], flags=re.MULTILINE)
    source[0] = re.sub(r"^\|.*", keep_together, source[0], flags=re.MULTILINE)


def keep_together(row):
    """Return the row of a table whose numbers stay beside their units, and whose names of cases may break."""
    row = re.sub(r"^\| [\w/]+:\w+ \|", lambda case: re.sub("[/:]", r"\g<0><wbr>", case[0]), row[0])
    return re.sub(r"(?<=[≤≥]) (?=[\d.])|(?<=\d) (?=%|(?:s|ms|µs|nats|MiB|GiB)\b)", "\N{NO-BREAK SPACE}", row)


def setup(app):
    """Let Sphinx call the functions above, after numpydoc's."""
    app.connect("autodoc-process-docstring", group_parameters, priority=600)
    app.connect("autodoc-process-docstring", link_names, priority=700)
    app.connect("autodoc-skip-member", skip_member)
    app.connect("source-read", end_code)


# --- The pages -----------------------------------------------------------------------------------------------------

html_theme = "pydata_sphinx_theme"
html_static_path = ["_static"]
html_css_files = ["wide.css"]
html_js_files = ["pages.js"]
html_title = "sklearn_ann"
html_baseurl = SITE
html_favicon = "_static/favicon.svg"
html_context = {"default_mode": "auto"}
html_show_sourcelink = False
html_theme_options = {
    "navbar_align": "left",
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "navigation_with_keys": False,
}
_WITHOUT = ("ten_minutes", "recipes", "benchmarks", "roadmap", "contributing", "security", "changelog")
html_sidebars: dict[str, list[str]] = {page: [] for page in _WITHOUT}
