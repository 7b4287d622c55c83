"""What digests tell apart, and what they leave out."""

import numpy as np
import torch

from sklearn_ann.training import Examples, Rows, digest, of_examples


def test_digests_tell_values_types_and_shapes_apart():
    x = np.arange(6.0)
    different = [x, x.astype(np.float32), x.reshape(2, 3), x[::-1], [1, 2], (1, 3), {"a": 1}, {"b": 1}, "x", None, 1.0]
    different += [np.array(["a", None], dtype=object), torch.arange(3)]
    assert len({digest(one) for one in different}) == len(different)
    assert digest(torch.arange(6.0).double(), "x") == digest(x, "x")
    assert digest(np.asfortranarray(x.reshape(2, 3))) == digest(x.reshape(2, 3))


def test_addresses_do_not_count():
    class Holder:
        pass

    assert digest(Holder()) == digest(Holder())
    assert digest(len) != digest(max)


def test_of_many_samples_some_are_looked_at_and_all_weights():
    x = torch.arange(10_000.0)[:, None]
    examples = Examples(Rows(x), None, Rows(x), torch.ones(10_000))
    moved = Examples(Rows(x + 1), None, Rows(x), torch.ones(10_000))
    weight = torch.ones(10_000)
    weight[7] = 2
    heavier = Examples(Rows(x), None, Rows(x), weight)
    first, second, third = map(of_examples, (examples, moved, heavier))
    assert {name for name in first if first[name] != second[name]} == {"samples"}
    assert {name for name in first if first[name] != third[name]} == {"weights"}
    assert of_examples(None) == {}
