"""Plots of what networks have learned."""

from sklearn_ann.inspection.attention import AttentionMapDisplay
from sklearn_ann.inspection.graphs import GraphDisplay
from sklearn_ann.inspection.images import FeatureMapDisplay, ReconstructionDisplay
from sklearn_ann.inspection.latent import EmbeddingMapDisplay, LatentSpaceDisplay
from sklearn_ann.inspection.motifs import MotifDisplay
from sklearn_ann.inspection.recurrent import HiddenStateDisplay
from sklearn_ann.inspection.training import TrainingCurveDisplay

__all__ = [
    "AttentionMapDisplay",
    "EmbeddingMapDisplay",
    "FeatureMapDisplay",
    "GraphDisplay",
    "HiddenStateDisplay",
    "LatentSpaceDisplay",
    "MotifDisplay",
    "ReconstructionDisplay",
    "TrainingCurveDisplay",
]
