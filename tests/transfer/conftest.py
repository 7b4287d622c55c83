"""Weights of published networks, where the real data sets lie beside the repository."""

from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture
def real_data():
    """Return the folder of a real data set by its name, or skip the test."""

    def folder(name):
        if not (DATA / name).exists():
            pytest.skip(f"the data set {name} is not beside the repository")
        return DATA / name

    return folder
