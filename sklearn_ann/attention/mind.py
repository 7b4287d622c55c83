"""What attention looks at: the interface between the estimators and the three minds, tokens, columns and rows.

A mind is made anew in ``fit``, from those hyper-parameters of the estimator that its ``__init__`` has as keyword
arguments, and lives with the fitted estimator. It answers what a sample is and what the network is; all else is the
estimator's. In the order in which it is called:

1. ``read(X, reset=, names=, dtype=)`` encodes samples; of a table, X is what `preprocessing.columns.as_table` returns.
2. ``learn(examples)``, in a fit from the beginning alone, sees the samples with their targets and weights.
3. ``build(examples, **parameters)`` makes the network, with the estimator's parameters of the same names as its
   keyword arguments, as they are set when it is called.

Prediction and validation data call ``read(X, reset=False)`` alone, and so do ``partial_fit`` and a warm start.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from sklearn_ann import training


class AttentionBody(nn.Module, ABC):
    """A network that attends: from a batch to features, shape (batch, n_features), and to its maps."""

    @abstractmethod
    def attention(self, batch: Any) -> list[Tensor]:
        """Return the weights of each layer, shape (batch, head, query, key), rows of which sum to one.

        The estimator calls it with samples of as many tokens, as `Mind.token_names` counts them.
        """


class Mind(ABC):
    """A kind of sample and the network for it.

    Attributes
    ----------
    reads_tables : bool
        Whether X is a table, whose columns the estimator checks and counts.
    """

    reads_tables = True

    @property
    @abstractmethod
    def auto(self) -> dict[str, Any]:
        """What ``"auto"`` stands for in those hyper-parameters of the estimator that go by what attends to what.

        It may go by the samples too, once ``learn`` has seen them.
        """

    @abstractmethod
    def read(self, X: Any, *, reset: bool, names: list[str] | None, dtype: torch.dtype) -> training.Samples:
        """Check and encode samples.

        Parameters
        ----------
        X : array-like
            Strings, or a table as `preprocessing.columns.as_table` returns it, of as many columns as in ``fit``.
        reset : bool
            Whether to learn the alphabet, the categories, ... or to hold `X` to those.
        names : list of str or None
            Names of the columns, for errors and for `token_names`.
        dtype : torch.dtype
            Of the numbers in the samples.
        """

    def learn(self, examples: training.Examples) -> training.Examples:
        """Learn what depends on weights or targets, such as the moments of columns, and finish the samples with it.

        `examples.rows` are the samples that take part, those of a weight above zero; None for all. ``read`` without
        `reset` returns samples that are finished.
        """
        return examples

    @abstractmethod
    def build(self, examples: training.Examples, **parameters: Any) -> tuple[AttentionBody, int]:
        """Return a new body and the number of its features.

        `examples` are those that it will be trained on: `examples.rows` leaves out what early stopping has held out.
        It is called in a warm start too, with samples of ``read(X, reset=False)``, and not in ``partial_fit``. What a
        body holds of the samples in buffers should be ``persistent=False``: weights are copied every epoch.
        """

    @abstractmethod
    def token_names(self, samples: training.Samples) -> list[list[str]]:
        """Say what the keys are in the maps of each sample, and the queries where those are the same."""
