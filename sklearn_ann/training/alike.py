"""Which trainings can be computed as one: what has to be the same, and what may differ.

The same are the network's structure (types of layers, shapes, types of numbers, all attributes), the error, the
optimiser's kind, the kind of the data and the places where epochs are cut into batches. Weights, data, seeds, learning
rates, schedules, weight decay, clipping, numbers of epochs, patience, weights of samples and validation sets may
differ, and so may the numbers that a layer names. What a layer says of itself, by attributes of its class:

``stacked_numbers``
    Names of its numbers that may differ between the networks of a stack, if none of them or all of them are zero. A
    class without this attribute of its own is not trusted: its networks are trained one by one.
``mixes_samples``
    Whether its output for a sample depends on the other samples of a batch; then batches are not filled up.
``computed_alone``
    Whether it is set to something that ``torch.vmap`` cannot compute.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import pairwise
from types import FunctionType
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from sklearn_ann.layers import ConvolutionBlock, blocks_in
from sklearn_ann.training.data import Examples
from sklearn_ann.training.loop import Training
from sklearn_ann.training.step import Step, batch_device

# What torch's own modules of these types do to one network, vmap does to all.
_OF_TORCH = {
    *(nn.Identity, nn.ReLU, nn.Sigmoid, nn.Tanh, nn.ELU, nn.GELU, nn.SiLU, nn.Linear),
    *(nn.Sequential, nn.ModuleList, nn.ModuleDict, nn.ParameterList),
}
LEAST, MOST = 4, 32  # members of a stack: of fewer, each is faster alone; of more, the caches are too small
WEIGHTS = 100_000  # of larger networks, a step on the CPU is arithmetic and little else
_NOT_COMPARED = {"_parameters", "_buffers", "_modules", "_non_persistent_buffers_set", "generator", "training"}


class UnlikeError(Exception):
    """Says why a training is computed by itself."""


def likeness(run: Training) -> Hashable:
    """Return what trainings that are computed as one have in common.

    Raises
    ------
    UnlikeError
        If a training is computed by itself, whatever the others are.
    """
    step, settings = run.step, run.settings
    if type(step) is not Step:
        raise UnlikeError(f"the step is a {type(step).__name__}")
    if run.over:
        raise UnlikeError("it is over")
    if settings.precision == "bfloat16":
        raise UnlikeError("the precision is bfloat16")
    device = batch_device(step.module)
    if device.type not in ("cpu", "cuda"):
        raise UnlikeError(f"the device is {device.type}")
    if any(part is not None and part.samples.device != device for part in (run.examples, run.validation)):
        raise UnlikeError("its samples do not fit on the device")
    if settings.rates or settings.frozen or settings.unfreeze_every is not None:
        raise UnlikeError("layers have learning rates of their own")
    if run.validation is not None and _shape(run.validation) != _shape(run.examples):
        raise UnlikeError("the validation samples have another size")
    if not all(parameter.requires_grad for parameter in step.module.parameters()):
        raise UnlikeError("parameters are frozen")
    if device.type == "cpu" and sum(parameter.numel() for parameter in step.module.parameters()) > WEIGHTS:
        raise UnlikeError(f"it has more than {WEIGHTS} weights")
    exact = any(mixes_samples(part) for part in step.module.modules())
    validation = None if run.validation is None else of_examples(run.validation, settings.batch_size, exact=exact)
    return (
        device,
        settings.optimizer,
        of_module(step.module),
        of_value(step.error, {}),
        of_examples(run.examples, settings.batch_size, exact=exact),
        validation,
    )


def mixes_samples(module: nn.Module) -> bool:
    """Whether an output of a module depends on more than one sample of the batch."""
    return isinstance(module, _BatchNorm) or bool(getattr(module, "mixes_samples", False))


def of_examples(examples: Examples[Any], batch_size: int | None, *, exact: bool) -> Hashable:
    """Return what examples have in common that are cut into batches at the same places.

    With `exact`, batches have equal numbers of samples; else a sample without weight fills a batch up.
    """
    n, samples = len(examples), examples.samples
    if samples.extents is not None or samples.together or samples.streamed or samples.cut_at_once:
        raise UnlikeError(f"{type(samples).__name__} have sizes of their own")
    weighted = examples.weight is not None
    size = n if batch_size is None else batch_size
    n_batches = -(-n // size)
    # A batch that grows by one sample is filled up; rows of zero weight are no sample that others would see.
    number = n if exact or n_batches == 1 else n // n_batches
    return type(samples), _shape(examples), samples.device, type(examples.target), weighted, number, n_batches


def _shape(examples: Examples[Any]) -> Hashable:
    """Return the size of each sample, of samples that are rows of one tensor."""
    values = getattr(examples.samples, "values", None)
    return values.shape[1:] if isinstance(values, Tensor) else None


def of_module(module: nn.Module) -> Hashable:
    """Return what a network and another have in common whose weights, and whose numbers, may differ."""
    by_hand = {id(block) for block in blocks_in(module)}
    if any(isinstance(part, ConvolutionBlock) and id(part) not in by_hand for part in module.modules()):
        raise UnlikeError("a convolution has a shortcut or layer normalisation")
    names = {id(part): name for name, part in module.named_modules()}
    if len(names) != sum(1 for _ in module.named_modules(remove_duplicate=False)):
        raise UnlikeError("a layer occurs twice")
    if len([*module.parameters()]) != sum(1 for _ in module.named_parameters(remove_duplicate=False)):
        raise UnlikeError("a weight occurs twice")
    return tuple((name, *_of_part(part, names)) for name, part in module.named_modules())


def _of_part(part: nn.Module, names: dict[int, str]) -> Iterator[Hashable]:
    kind = type(part)
    if kind not in _OF_TORCH and "stacked_numbers" not in vars(kind):  # a subclass may do anything
        raise UnlikeError(f"{kind.__name__} is not known to be computed for several networks at once")
    if getattr(part, "computed_alone", False):
        raise UnlikeError(f"{kind.__name__} is set to what vmap cannot compute")
    yield cast(Hashable, kind)
    for name, tensor in [*part._parameters.items(), *part._buffers.items()]:
        yield name, None if tensor is None else (tensor.shape, tensor.dtype)
    free = numbers_of(part)
    for name, value in vars(part).items():
        if name in _NOT_COMPARED:
            continue
        yield name, bool(value) if name in free else of_value(value, names)


def numbers_of(part: nn.Module) -> tuple[str, ...]:
    """Return the names of the numbers of a module that may differ between networks."""
    names: tuple[str, ...] = getattr(part, "stacked_numbers", ())
    return names


def of_value(value: Any, names: dict[int, str]) -> Hashable:
    """Return what a value and another have in common; `names` are those of the modules that it may refer to."""
    if isinstance(value, nn.Module):
        if id(value) not in names:
            raise UnlikeError("a layer outside of the network is used")
        return ("module", names[id(value)])
    if isinstance(value, partial):
        return ("partial", of_value(value.func, names), of_value(value.args, names), of_value(value.keywords, names))
    if isinstance(value, Tensor):
        raise UnlikeError("a tensor is neither a parameter nor a buffer")
    if isinstance(value, FunctionType) and value.__closure__ is None:
        return value
    if isinstance(value, list | tuple):
        return (type(value), *(of_value(part, names) for part in value))
    if isinstance(value, dict):
        return (type(value), *((name, of_value(part, names)) for name, part in value.items()))
    if value is None or isinstance(value, bool | int | float | str | torch.dtype | torch.device):
        return type(value), value
    if isinstance(value, set | frozenset) and not value:
        return type(value)
    raise UnlikeError(f"it holds a {type(value).__name__}")


def alike(runs: Sequence[Training]) -> tuple[list[list[int]], list[int]]:
    """Divide trainings into those that are computed as one and those by themselves; return their positions.

    A stack saves what a step of a network costs besides its arithmetic. So it has `LEAST` members, `MOST` at most, and
    their networks have no more than `WEIGHTS` weights each. Which trainings are in a stack follows from the trainings
    alone.
    """
    groups: dict[Hashable, list[int]] = {}
    for position, run in enumerate(runs):
        with suppress(UnlikeError):
            groups.setdefault(likeness(run), []).append(position)
    stacks = []
    for members in groups.values():
        members.sort(key=lambda position: _rate(runs[position]))  # neighbours of one learning rate are moved at once
        n_stacks = -(-len(members) // MOST)
        starts = [len(members) * number // n_stacks for number in range(n_stacks + 1)]
        stacks += [members[start:end] for start, end in pairwise(starts) if end - start >= LEAST]
    together = {position for stack in stacks for position in stack}
    return stacks, [position for position in range(len(runs)) if position not in together]


def _rate(run: Training) -> tuple[float, ...]:
    settings = run.settings
    return settings.learning_rate, settings.weight_decay, settings.max_epochs, run.epoch
