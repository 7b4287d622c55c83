"""Normalisation."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class BatchNorm(nn.BatchNorm1d):
    """Batch normalisation of rows (Ioffe and Szegedy 2015) that takes a batch of one.

    A single row has no variance: in training, too, it is normalised with the running statistics and leaves them as
    they are.
    """

    def forward(self, x: Tensor) -> Tensor:
        if self.training and len(x) == 1:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        return super().forward(x)
