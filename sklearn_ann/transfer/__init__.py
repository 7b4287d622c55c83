"""Networks that were trained elsewhere, as transformers."""

from sklearn_ann.transfer.pretrained import PretrainedTransformer

__all__ = ["PretrainedTransformer"]
