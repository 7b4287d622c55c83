"""Writes the version of sklearn_ann/_version.py to the other places that state it, for `make version`.

A release gets today's date, in its heading in the changelog too. The heading of a version that ends in .dev0 says
"not released yet". A second run changes nothing.
"""

import datetime
import re
import sys
from pathlib import Path

HEADING = re.compile(r"^## \[(?P<version>.*)\] - (?P<when>.*)$", re.MULTILINE)
WAITING = "not released yet"


def changelog(text, version, today):
    """Return the text with the version in its first heading, and the date of the release (None before it)."""
    first = HEADING.search(text)
    released, _, development = version.partition(".dev")
    if first["when"] == WAITING:
        when = WAITING if development else today
        return text[: first.start()] + f"## [{released}] - {when}" + text[first.end() :], None if development else today
    if development:
        return text[: first.start()] + f"## [{released}] - {WAITING}\n\n" + text[first.start() :], None
    if first["version"] != version:
        raise ValueError(f'CHANGELOG.md needs the heading "## [{version}] - {WAITING}" above the entries of {version}')
    return text, first["when"]


def citation(text, version, date):
    """Return the text with the version, and with the date of a release."""
    text = re.sub(r"^date-released: .*\n", "", text, flags=re.MULTILINE)
    dated = f"date-released: {date}\n" if date else ""
    return re.sub(r"^version: .*\n", f"version: {version}\n{dated}", text, flags=re.MULTILINE)


def recipe(text, version):
    """Return the text with the version."""
    return re.sub(r'(set version = )"[^"]*"', rf'\1"{version}"', text)


def stamp(root, today):
    """Write the version to all places."""
    version = re.search(r'__version__ = "(.*)"', (root / "sklearn_ann" / "_version.py").read_text())[1]
    places = [root / "CHANGELOG.md", root / "CITATION.cff", root / ".ci" / "conda" / "meta.yaml"]
    changes, cited, built = (place.read_text(encoding="utf-8") for place in places)
    changes, date = changelog(changes, version, today)
    for place, text in zip(places, (changes, citation(cited, version, date), recipe(built, version)), strict=True):
        place.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1])
    stamp(root, datetime.datetime.now(tz=datetime.UTC).date().isoformat())
