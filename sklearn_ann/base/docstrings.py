"""Complete docstrings: a class documents its own parameters and gets the entries of inherited ones from its bases."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from typing import Any

_HEADER = re.compile(r"^(\w[\w ]*)\n-{3,}\n", re.MULTILINE)
_SPLICED = ("Parameters", "Attributes")
_SHARED = __name__.rpartition(".")[0]
"""The package whose classes declare what estimators share."""
_RUNNING = ("device", "precision", "distributed", "checkpoint", "random_state", "verbose")


def split_sections(docstring: str) -> dict[str, str]:
    """Split a numpydoc docstring into ``{header: body}``; the text before the first header has the key ``""``."""
    parts = _HEADER.split(inspect.cleandoc(docstring) + "\n")
    return {"": parts[0].strip()} | {
        name: body.strip("\n") for name, body in zip(parts[1::2], parts[2::2], strict=True)
    }


def split_entries(body: str) -> dict[str, str]:
    """Split a Parameters or Attributes section into ``{name: whole entry}``."""
    entries = re.split(r"^(?=\S)", body, flags=re.MULTILINE)
    return {entry.split(" : ")[0].split("\n")[0].strip(): entry.strip() for entry in entries if entry.strip()}


def with_default(entry: str, default: Any) -> str:
    """Append `default` to the first line of the entry, so that the class body is its only source."""
    head, _, body = entry.partition("\n")
    return f"{head}, default={default!r}\n{body}"


def parameter_groups(cls: type, names: Iterable[str]) -> dict[str, list[str]]:
    """Sort the names of parameters into those of the estimator, those of the training and those of the run."""
    shared = {
        name
        for ancestor in cls.__mro__
        if ancestor.__module__.startswith(f"{_SHARED}.")
        for name in vars(ancestor).get("_documented", {}).get("Parameters", {})
    }
    groups: dict[str, list[str]] = {"own": [], "training": [], "running": []}
    for name in names:
        groups["own" if name not in shared else "running" if name in _RUNNING else "training"].append(name)
    return groups


def _said(groups: dict[str, list[str]]) -> str:
    """Tell where each group of parameters begins and ends, for readers of ``help``; nothing if a group is empty."""
    if not all(groups.values()):
        return ""
    own, training, running = (f"`{names[0]}` to `{names[-1]}`" for names in groups.values())
    return (
        f"The parameters have three groups: those of the architecture ({own}), of the training\n({training}), "
        f"and of the hardware and the run ({running})."
    )


def complete_docstring(cls: type, defaults: dict[str, Any]) -> None:
    """Rewrite ``cls.__doc__`` to document all parameters in the order of `defaults`, and all inherited attributes."""
    if cls.__doc__ is None:  # python -OO
        return
    sections = split_sections(cls.__doc__)
    own = {header: split_entries(sections.get(header, "")) for header in _SPLICED}
    type.__setattr__(cls, "_documented", own)  # subclasses read it
    ancestors = [vars(ancestor).get("_documented", {}) for ancestor in reversed(cls.__mro__)]
    parameters = {name: entry for documented in ancestors for name, entry in documented.get("Parameters", {}).items()}
    said = _said(parameter_groups(cls, [name for name in defaults if name in parameters]))
    sections[""] = "\n\n".join(filter(None, [sections[""], said]))
    attributes = dict(own["Attributes"])
    for documented in reversed(ancestors):
        for name, entry in documented.get("Attributes", {}).items():
            attributes.setdefault(name, entry)
    sections["Parameters"] = "\n\n".join(
        with_default(parameters[name], default) for name, default in defaults.items() if name in parameters
    )
    sections["Attributes"] = "\n\n".join(attributes.values())
    order = ["", *_SPLICED, *(header for header in sections if header not in ("", *_SPLICED))]
    cls.__doc__ = (
        "\n\n".join(
            f"{header}\n{'-' * len(header)}\n{sections[header]}" if header else sections[header]
            for header in order
            if sections[header]
        )
        + "\n"
    )
