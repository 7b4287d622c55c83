"""The code that README, the pages of docs and the examples show, as files: ``python tests/shown_code.py FOLDER``."""

import doctest
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "docs/*.md", "docs/guide/*.md", "docs/lecture/*.md")


def of_page(text):
    """Return the code of the examples of a page, as doctest reads them."""
    return "".join(example.source for example in doctest.DocTestParser().get_examples(text))


def write(folder):
    """Write the code of each page and each example to a file of `folder`; return how many there are."""
    folder.mkdir(parents=True, exist_ok=True)
    sources = {path: of_page(path.read_text("utf-8")) for pattern in PAGES for path in sorted(ROOT.glob(pattern))}
    sources |= {path: path.read_text("utf-8") for path in sorted((ROOT / "examples").glob("plot_*.py"))}
    shown = {path: code for path, code in sources.items() if code}
    for path, code in shown.items():
        name = "_".join(path.relative_to(ROOT).with_suffix("").parts)
        (folder / f"{name}.py").write_text(code, "utf-8")
    return len(shown)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
