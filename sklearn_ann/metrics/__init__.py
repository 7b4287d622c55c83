"""How far predicted sequences are from true ones, and drawn samples from real rows."""

from sklearn_ann.metrics.fidelity import ModeCoverage, marginal_distances, mode_coverage, two_sample_auc
from sklearn_ann.metrics.privacy import closest_record_distances, copy_share
from sklearn_ann.metrics.sequences import edit_distances, sequence_error_rate, token_error_rate
from sklearn_ann.metrics.utility import SyntheticScore, train_on_synthetic_score

__all__ = [
    "ModeCoverage",
    "SyntheticScore",
    "closest_record_distances",
    "copy_share",
    "edit_distances",
    "marginal_distances",
    "mode_coverage",
    "sequence_error_rate",
    "token_error_rate",
    "train_on_synthetic_score",
    "two_sample_auc",
]
