"""Pooling of the vectors of tokens into a vector for each sequence."""

from __future__ import annotations

from typing import Literal

import numpy as np
import scipy.sparse as sp

Pooling = Literal["mean", "max", "tfidf"]

_CHUNK = 1024  # sequences pooled at a time


def pool(counts: sp.csr_array, embedding: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
    """Return the weighted mean of the vectors of each sequence's tokens; zeros for a sequence without tokens."""
    weighted = counts.astype(embedding.dtype)
    if weight is not None:
        weighted = weighted * weight.astype(embedding.dtype)
        weighted = weighted.tocsr()
    total = np.asarray(weighted.sum(axis=1))
    mean: np.ndarray = (weighted @ embedding) / np.where(total > 0, total, 1)[:, None]
    return mean


def pool_greatest(counts: sp.csr_array, embedding: np.ndarray) -> np.ndarray:
    """Return the maximum of each component over the tokens of a sequence; zeros for a sequence without tokens."""
    pooled = np.zeros((counts.shape[0], embedding.shape[1]), dtype=embedding.dtype)
    filled = np.flatnonzero(np.diff(counts.indptr))
    for rows in np.array_split(filled, -(-len(filled) // _CHUNK)) if len(filled) else []:
        part = counts[rows]
        pooled[rows] = np.maximum.reduceat(embedding[part.indices], part.indptr[:-1], axis=0)
    return pooled
