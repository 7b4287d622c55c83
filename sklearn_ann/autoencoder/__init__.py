"""Auto-encoders: dimensionality reduction, denoising, restoration and outlier detection."""

from sklearn_ann.autoencoder.outliers import AutoEncoderOutlierDetector
from sklearn_ann.autoencoder.transformer import AutoEncoderTransformer

__all__ = ["AutoEncoderOutlierDetector", "AutoEncoderTransformer"]
