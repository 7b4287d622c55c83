"""Neural architectures as scikit-learn estimators."""

from sklearn_ann._version import __version__
from sklearn_ann.autoencoder import AutoEncoderTransformer

__all__ = ["AutoEncoderTransformer", "__version__"]
