"""Pictures of what networks have learned."""

from sklearn_ann.inspection.attention import AttentionMapDisplay

__all__ = ["AttentionMapDisplay"]
