"""Writes the version of sklearn_ann/_version.py to the other places that state it, for `make version`.

A release gets today's date, and its heading in the changelog; a version that ends in .dev0 gets the heading
"Unreleased". A second run changes nothing.
"""

import datetime
import re
import sys
from pathlib import Path

RELEASED = r"^## \[{}\] - (\d{{4}}-\d\d-\d\d)$"


def changelog(text, version, today):
    """Return the text with a first heading for the version, and the date of the release (None before it)."""
    if ".dev" in version:
        first = re.search(r"^## \[", text, re.MULTILINE).start()
        unreleased = "" if text.startswith("## [Unreleased]", first) else "## [Unreleased]\n\n"
        return text[:first] + unreleased + text[first:], None
    if dated := re.search(RELEASED.format(re.escape(version)), text, re.MULTILINE):
        return text, dated[1]
    if "## [Unreleased]" not in text:
        raise ValueError(f'CHANGELOG.md needs a heading "## [Unreleased]" with the entries of {version}')
    return text.replace("## [Unreleased]", f"## [{version}] - {today}", 1), today


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
