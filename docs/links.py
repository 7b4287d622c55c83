"""What links the pages of the site: guide pages of public names, names within docstrings, the order of the examples."""

from __future__ import annotations

import importlib
import inspect
import re
from functools import cache
from pathlib import Path
from typing import Any

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


@cache
def public_names() -> dict[str, str]:
    """Return the whole name of every public name."""
    return {name.rpartition(".")[2]: name for name in guide_pages()}


def named(whole: str) -> Any:
    """Return the object with this whole name, or None."""
    parts = whole.split(".")
    for n_modules in range(len(parts) - 1, 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:n_modules]))
        except ImportError:
            continue
        for part in parts[n_modules:]:
            found = getattr(found, part, None)
        return found
    return None


def with_links(line: str, page: str, owner: type | None, parameters: set[str]) -> str:
    """Turn the names within single backticks into links, if they are public or methods of `owner`, the class of `page`.

    Names of parameters stay as they are.
    """

    def link(match: re.Match[str]) -> str:
        name = match[1]
        if name in parameters:
            return match[0]
        if name in public_names() or name in public_names().values():
            whole = public_names().get(name, name)
            return f"``{name}``" if whole == page else f":py:obj:`~{whole}`"
        first, _, rest = name.partition(".")
        if rest and first in public_names() and callable(named(f"{public_names()[first]}.{rest}")):
            return f":py:meth:`{name} <{public_names()[first]}.{rest}>`"
        method = inspect.getattr_static(owner, name, None) if owner else None
        if method is None or name.startswith("_") or name.endswith("_request") or not getattr(method, "__doc__", None):
            return match[0]
        return f":py:meth:`~{page}.{name}`" if callable(getattr(owner, name, None)) else match[0]

    return re.sub(r"(?<![`\w:])`([A-Za-z][\w.]*)`(?![`\w])", link, line)
