"""Generative models: fit a distribution and sample from it."""

from sklearn_ann.generative.gan import GANSampler
from sklearn_ann.generative.vae import VAESampler

__all__ = ["GANSampler", "VAESampler"]
