"""Auto-encoders: dimensionality reduction, denoising, restoration and outlier detection."""

from sklearn_ann.autoencoder.transformer import AutoEncoderTransformer

__all__ = ["AutoEncoderTransformer"]
