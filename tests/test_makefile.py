"""The Makefile tells at once what is missing."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NEEDED = ("Makefile", "setup.cfg", "pyproject.toml", "constraints.txt", "constraints-floors.txt")


@pytest.mark.skipif(
    shutil.which("make") is None or not all((ROOT / name).exists() for name in NEEDED),
    reason="needs make and its files",
)
@pytest.mark.parametrize("target", ["demo", "test-floors"])
def test_an_old_python_is_named_in_one_line(tmp_path, target):
    for name in NEEDED:
        shutil.copy(ROOT / name, tmp_path)
    old = tmp_path / "python"
    pretends = "import sys; sys.version_info = (3, 10, 4); exec(sys.argv[1])"
    old.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{pretends}" "$2"\n')
    old.chmod(0o755)
    made = subprocess.run(
        ["make", target, f"PYTHON={old}"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert made.returncode != 0
    complaint, made_it_end = made.stderr.splitlines()
    assert complaint == (
        f"PYTHON={old} is Python 3.10, but 3.11 or newer is needed: make PYTHON=/path/to/python3.11 {target}"
    )
    assert made_it_end.startswith("make")
    assert not list(tmp_path.glob(".venv*"))
