"""What links the pages of the site: the guide page of each public name, and the order of the examples."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parent


def guide_pages() -> dict[str, str | None]:
    """Return the guide page of every public name: in api.rst a line with a link stands above the names."""
    pages, page = {}, None
    for line in (DOCS / "api.rst").read_text().splitlines():
        if found := re.fullmatch(r"User guide: :doc:`(.*)`", line):
            page = found[1]
        elif line and set(line) == {"-"}:  # a new section
            page = None
        elif found := re.fullmatch(r"   ([\w.]+)", line):
            pages[f"sklearn_ann.{found[1]}"] = page
    return pages


def place_in_gallery(path: str) -> int:
    """Order examples as the gallery lists them: within a section from the common to the special."""
    return (DOCS.parent / "examples" / "index.rst").read_text().find(Path(path).name)
