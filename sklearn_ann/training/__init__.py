"""The engine: samples, batches, steps and epochs. It is handed values, never an estimator."""

from sklearn_ann.training.adapter import as_skorch_net
from sklearn_ann.training.callbacks import EpochTasks, progress
from sklearn_ann.training.checkpoints import Checkpoint
from sklearn_ann.training.data import Batch, Examples, Rows, Samples, SparseRows, as_array, as_tensor, on_device
from sklearn_ann.training.device import (
    Precision,
    available_device,
    isolated,
    limited_threads,
    resolve_device,
    settled_threads,
    tensor_dtype,
)
from sklearn_ann.training.digest import digest, of_examples
from sklearn_ann.training.heads import HeadStep
from sklearn_ann.training.leases import leased
from sklearn_ann.training.loop import Observer, Training
from sklearn_ann.training.prediction import apply
from sklearn_ann.training.random import as_random_state, drawing_from, set_state, state_text, torch_generator
from sklearn_ann.training.ranks import active, among_ranks, of_whole_batch
from sklearn_ann.training.rendezvous import Task, meet, n_trainings, yield_turn
from sklearn_ann.training.step import Error, OptimizerName, Schedule, Settings, Step
from sklearn_ann.training.streams import Stream, StreamedSamples, located
from sklearn_ann.training.together import train_together

__all__ = [
    "Batch",
    "Checkpoint",
    "EpochTasks",
    "Error",
    "Examples",
    "HeadStep",
    "Observer",
    "OptimizerName",
    "Precision",
    "Rows",
    "Samples",
    "Schedule",
    "Settings",
    "SparseRows",
    "Step",
    "Stream",
    "StreamedSamples",
    "Task",
    "Training",
    "active",
    "among_ranks",
    "apply",
    "as_array",
    "as_random_state",
    "as_skorch_net",
    "as_tensor",
    "available_device",
    "digest",
    "drawing_from",
    "isolated",
    "leased",
    "limited_threads",
    "located",
    "meet",
    "n_trainings",
    "of_examples",
    "of_whole_batch",
    "on_device",
    "progress",
    "resolve_device",
    "set_state",
    "settled_threads",
    "state_text",
    "tensor_dtype",
    "torch_generator",
    "train_together",
    "yield_turn",
]
