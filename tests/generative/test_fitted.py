"""What a variational auto-encoder has learned, as fitted attributes."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from sklearn_ann import VAESampler
from sklearn_ann.generative.prior import Mixture, Normal

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X = np.random.RandomState(0).poisson(3.0, size=(40, 5)).astype(float)


@pytest.mark.parametrize(
    ("settings", "noise", "dispersion", "prior"),
    [
        ({}, (5,), None, Normal),
        ({"prior": "mixture"}, (5,), None, Mixture),
        ({"likelihood": "negative_binomial"}, None, (5,), Normal),
        ({"likelihood": "poisson", "prior": "mixture"}, None, None, Mixture),
    ],
)
def test_attributes_are_those_of_the_likelihood(settings, noise, dispersion, prior):
    model = VAESampler(n_components=2, decoder="linear", max_epochs=1, random_state=0, **settings).fit(X)
    assert model.loadings_.shape == (5, 2)
    assert getattr(model.noise_variance_, "shape", None) == noise
    assert getattr(model.dispersion_, "shape", None) == dispersion
    assert isinstance(model.prior_, prior)
    assert model.encoder_ is model.module_.encoder
    assert model.decoder_ is model.module_.decoder


def test_there_are_none_before_the_fit():
    for name in ("encoder_", "decoder_", "prior_", "loadings_", "noise_variance_", "dispersion_"):
        with pytest.raises(NotFittedError):
            getattr(VAESampler(), name)
