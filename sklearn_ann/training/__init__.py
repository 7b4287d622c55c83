"""The engine: the only room that knows skorch. It is handed values, never an estimator."""

from sklearn_ann.training.callbacks import EpochTasks, ProgressLine
from sklearn_ann.training.data import (
    Examples,
    Groups,
    Rows,
    Samples,
    SparseRows,
    as_tensor,
    on_device,
    ragged_positions,
)
from sklearn_ann.training.device import Precision, available_device, limited_threads, resolve_device, tensor_dtype
from sklearn_ann.training.loop import Training
from sklearn_ann.training.network import Error, Network, OptimizerName, Schedule, Settings
from sklearn_ann.training.prediction import apply
from sklearn_ann.training.random import as_random_state, drawing_from, torch_generator

__all__ = [
    "EpochTasks",
    "Error",
    "Examples",
    "Groups",
    "Network",
    "OptimizerName",
    "Precision",
    "ProgressLine",
    "Rows",
    "Samples",
    "Schedule",
    "Settings",
    "SparseRows",
    "Training",
    "apply",
    "as_random_state",
    "as_tensor",
    "available_device",
    "drawing_from",
    "limited_threads",
    "on_device",
    "ragged_positions",
    "resolve_device",
    "tensor_dtype",
    "torch_generator",
]
