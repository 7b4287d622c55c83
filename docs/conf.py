"""How the site is built: `make docs`."""

from __future__ import annotations

import urllib.request
import warnings

import matplotlib as mpl

import sklearn_ann

mpl.use("agg")

project = "sklearn_ann"
author = "The sklearn_ann developers"
copyright = f"2026, {author}"  # noqa: A001
release = version = sklearn_ann.__version__

extensions = [
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
    "gallery/GALLERY_HEADER.rst",
    "**/sg_execution_times.rst",
    "sg_execution_times.rst",
]
templates_path = ["_templates"]
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"  # docstrings say it in words
autodoc_default_options = {"members": True, "inherited-members": True, "exclude-members": "set_fit_request"}
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

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

warnings.filterwarnings("ignore", message=".*FigureCanvasAgg is non-interactive.*")
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"plot_",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_memory": False,
    "min_reported_time": 5,
    "capture_repr": (),
}

html_theme = "pydata_sphinx_theme"
html_static_path = ["_static"]
html_css_files = ["wide.css"]
html_title = "sklearn_ann"
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
_WITHOUT = ("ten_minutes", "recipes", "benchmarks", "contributing", "security", "changelog")
html_sidebars: dict[str, list[str]] = {page: [] for page in _WITHOUT}
