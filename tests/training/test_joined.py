"""The batches of several trainings side by side are those of each by itself."""

import numpy as np
import pytest
import torch

from sklearn_ann import training
from sklearn_ann.reading.conditions import ConditionedSamples
from sklearn_ann.training.data import batches
from sklearn_ann.training.joined import Source, tensors_of, with_tensors

RNG = np.random.RandomState(0)
X, Z = (torch.as_tensor(RNG.standard_normal((50, 3))) for _ in range(2))
CPU = torch.device("cpu")


def examples_of(kind):
    """Return four sets of examples: three share data that are written down once or twice, one has its own."""
    rows = [torch.arange(n) for n in ((45, 45, 45, 45) if kind == "even" else (45, 44, 45, 43))]
    samples = [training.Rows(X), training.Rows(Z), training.Rows(X.clone()), training.Rows(X)]
    if kind == "conditions":
        samples = [ConditionedSamples(own, torch.ones(50, 1)) for own in samples]
    weight = torch.arange(50.0) if kind == "weights" else None
    target = None if kind == "uneven" else training.Rows(Z)
    return [training.Examples(own, which, target, weight) for own, which in zip(samples, rows, strict=True)]


@pytest.mark.parametrize("kind", ["even", "uneven", "weights", "conditions"])
@pytest.mark.parametrize("shuffled", [True, False])
def test_batches(kind, shuffled):
    all_examples = examples_of(kind)
    orders = [torch.randperm(len(own)) for own in all_examples] if shuffled else None
    source = Source(all_examples, 16)
    assert len(source.samples.different) == 2
    chosen = [3, 0, 1]
    if not shuffled:  # some may leave
        all_examples, source = [all_examples[place] for place in chosen], source.only(chosen)
    cuts = source.cuts(orders)
    assert len(cuts) == source.n_batches == 3
    for member, own in enumerate(all_examples):
        alone = [*batches(own, 16, CPU, None if orders is None else orders[member])]
        for cut, batch in zip(cuts, alone, strict=True):
            size = cut.samples.shape[1] if cut.sizes is None else cut.sizes[member]
            assert size == batch.size
            for part, expected in zip(tensors_of(source.samples[cut.samples]), tensors_of(batch.samples), strict=True):
                assert part[member, :size].equal(expected)
            if own.target is not None:
                assert source.target[cut.samples][member, :size].equal(batch.target)
            if own.weight is not None:
                assert source.weight[cut.samples][member, :size].equal(batch.weight)


def test_tensors_of_a_batch_are_replaced_in_their_places():
    batch = training.Batch({"a": X, "b": None}, (Z, 3), None, 7)
    assert [own.data_ptr() for own in tensors_of(batch)] == [X.data_ptr(), Z.data_ptr()]
    assert with_tensors(batch, iter([Z, X])) == training.Batch({"a": Z, "b": None}, (X, 3), None, 7)


def test_members_that_leave_take_their_data_along():
    source = Source(examples_of("even"), 16)
    assert source.samples.which == [0, 1, 0, 0]
    assert source.only([1]).samples.different == [source.samples.different[1]]
    assert source.only([1]).only([0]).samples.which == [0]
