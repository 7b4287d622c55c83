"""Models in files that one may open from a stranger, and a card that tells what a model is."""

from sklearn_ann.files.card import model_card
from sklearn_ann.files.errors import ModelFileError
from sklearn_ann.files.exchange import onnx_inputs, to_onnx
from sklearn_ann.files.saving import load, save

__all__ = ["ModelFileError", "load", "model_card", "onnx_inputs", "save", "to_onnx"]
