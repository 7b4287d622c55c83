import os

# scikit-learn skips a check of its own unless SciPy was imported with this.
os.environ["SCIPY_ARRAY_API"] = "1"

import numpy as np
import pytest
import torch

# The networks of the tests are so small that a second thread only costs.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def digits():
    """The first 300 digits, scaled to [0, 1], and what they are."""
    import discovery

    return discovery.digits()


@pytest.fixture(scope="session")
def rows():
    """Samples and targets for every estimator that takes rows."""
    import discovery

    return discovery.coarse_digits()


@pytest.fixture
def data(estimator):
    """Samples and targets for the estimator that a test is parametrised with."""
    import discovery

    return discovery.data_for(estimator)


@pytest.fixture
def curve():
    """Points near a circle in five dimensions: two principal components hold them, one does not; one angle does."""
    rng = np.random.RandomState(0)
    angle = rng.uniform(0, 1.5 * np.pi, 400)
    points = np.c_[np.cos(angle), np.sin(angle)] @ rng.normal(size=(2, 5))
    return (points + 0.01 * rng.normal(size=points.shape)).astype(np.float32)


@pytest.fixture
def four_threads():
    """Four threads of torch outside of what a test calls."""
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)
