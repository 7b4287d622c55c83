"""Searches that know networks, and groups of related samples for splitters."""

from sklearn_ann.model_selection.groups import scaffold_groups, sequence_groups
from sklearn_ann.model_selection.pruning import OptunaPruning
from sklearn_ann.model_selection.search import StackedSearchCV

__all__ = ["OptunaPruning", "StackedSearchCV", "scaffold_groups", "sequence_groups"]
