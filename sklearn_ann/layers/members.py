"""Computation on all members of a stack at once, from within a function that is written for one of them.

A stack is networks of one shape whose weights have a leading axis of members. ``torch.vmap`` lets the code of one
network compute on all; where a computation written for the whole stack is faster, a layer steps out of it by
`on_members`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, cast

import torch
from torch import Tensor

try:
    from torch._C._functorch import (
        _add_batch_dim,
        _remove_batch_dim,
        _unwrap_batched,
        _vmap_decrement_nesting,
        _vmap_increment_nesting,
        is_batchedtensor,
        maybe_current_level,
    )
    from torch._functorch.pyfunctorch import temporarily_pop_interpreter_stack
except ImportError:  # names that torch does not promise
    DIRECT = False
else:
    DIRECT = True


class _OnMembers(torch.autograd.Function):
    """Call a function with the tensors of all members, by what torch promises."""

    @staticmethod
    def forward(function: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        """Refuse: outside of a stack there are no members."""
        raise RuntimeError("on_members was called outside of a stack")

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Keep nothing: what the function does is recorded where it is called."""

    @staticmethod
    def vmap(info: Any, in_dims: Any, function: Callable[..., Tensor], *inputs: Tensor) -> tuple[Tensor, int]:
        """Put the members first and call the function."""
        _, *dims = in_dims
        n = info.batch_size
        whole = (
            x.expand(n, *x.shape) if dim is None else x.movedim(dim, 0) for x, dim in zip(inputs, dims, strict=True)
        )
        return function(*whole), 0


def on_members(function: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
    """Apply a function to the inputs of all members: tensors with a leading axis of members, as is its result.

    To be called under ``torch.vmap`` over the members, with inputs that depend on the member. The function may use
    tensors from outside that have this axis.
    """
    if not DIRECT or not all(map(is_batchedtensor, inputs)):
        return cast(Tensor, cast(Any, _OnMembers).apply(function, *inputs))
    # The same by hand, in an eighth of the time: a step of small networks takes as long as torch needs for its checks.
    level = cast(int, maybe_current_level())
    whole = []
    for x in inputs:
        members, dim = _unwrap_batched(x, level)
        whole.append(members.movedim(dim or 0, 0))
    with temporarily_pop_interpreter_stack():
        result = function(*whole)
    return _add_batch_dim(result, 0, level)


def over_members(function: Callable[..., Tensor], inputs: Sequence[Tensor]) -> Tensor:
    """Call a function that is written for one member with the tensors of all; the same as ``torch.vmap``.

    Parameters
    ----------
    function : callable
        Takes one tensor per input and returns a tensor that depends on the member.
    inputs : sequence of Tensor
        Each has a leading axis of members.
    """
    if not DIRECT:
        return torch.vmap(function, randomness="same")(*inputs)
    _load_rules()
    n = len(inputs[0])
    level = _vmap_increment_nesting(n, "same")
    try:
        result = function(*(_add_batch_dim(x, 0, level) for x in inputs))
        return _remove_batch_dim(result, level, n, 0)
    finally:
        _vmap_decrement_nesting()


@cache
def _load_rules() -> None:
    """Let torch load what it loads at the first use of ``torch.vmap``, such as how cross-entropy is computed."""
    torch.vmap(torch.neg)(torch.zeros(1))


def is_set(number: float | Tensor) -> bool:
    """Whether a number is not zero; in a stack, whose numbers are a tensor, none is or all are."""
    return isinstance(number, Tensor) or bool(number)
