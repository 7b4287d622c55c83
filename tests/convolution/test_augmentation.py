"""Augmentation: what each change does, that it keeps to a sample's own places, and that prediction has none of it."""

import numpy as np
import pytest
import torch

from sklearn_ann import CNNClassifier
from sklearn_ann.convolution.augmentation import Flip, Mutation, Noise, Shift, Strands, reverse_complement
from sklearn_ann.reading import GridBatch

SIZES = torch.tensor([[4, 3], [5, 6], [2, 6]])


def images(sizes):
    """Images of ones, filled up with zeros."""
    x = torch.zeros(len(sizes), 2, *sizes.amax(dim=0).tolist())
    for i, (height, width) in enumerate(sizes.tolist()):
        x[i, :, :height, :width] = torch.arange(1, height * width + 1).view(height, width)
    return GridBatch(x, sizes)


def letters(lengths, seed=0):
    codes = torch.randint(4, (len(lengths), max(lengths)), generator=torch.Generator().manual_seed(seed))
    inside = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    x = torch.nn.functional.one_hot(codes, 4).movedim(-1, 1) * inside[:, None]
    return GridBatch(x.float(), torch.tensor(lengths)[:, None])


def often(layer, batch, times=50):
    torch.manual_seed(0)
    return [layer(batch) for _ in range(times)]


@pytest.mark.parametrize("layer", [Shift(2), Flip("both"), Noise(0.5)])
def test_a_sample_stays_in_its_places(layer):
    batch = images(SIZES)
    for changed in often(layer, batch):
        assert changed.x.shape == batch.x.shape
        assert (changed.x[0, :, 4:] == 0).all()
        assert (changed.x[0, :, :, 3:] == 0).all()
        assert (changed.x[2, :, 2:] == 0).all()
    assert not torch.equal(changed.x, batch.x)
    layer.eval()
    assert layer(batch) is batch
    layer.train()


def test_shifts_are_all_those_up_to_the_greatest():
    x = torch.zeros(1, 1, 9)
    x[0, 0, 4] = 1
    found = {int(changed.x[0, 0].argmax()) for changed in often(Shift(2), GridBatch(x, None), 200)}
    assert found == {2, 3, 4, 5, 6}


def test_flips_turn_a_sample_within_its_size():
    batch = images(SIZES)
    expected = {(batch.x[0, 0, :4, :3].flip(dims)).numpy().tobytes() for dims in ((), (0,), (1,), (0, 1))}
    found = {changed.x[0, 0, :4, :3].numpy().tobytes() for changed in often(Flip("both"), batch)}
    assert found == expected


def test_mutations_are_as_many_as_asked_and_of_the_samples_letters():
    batch = letters([200, 150])
    for changed in often(Mutation(0.2), batch):
        assert (changed.x.sum(dim=1) == batch.x.sum(dim=1)).all()
    share = np.mean([(changed.x != batch.x).any(dim=1).sum() / 350 for changed in often(Mutation(0.2), batch)])
    assert share == pytest.approx(0.2 * 3 / 4, rel=0.1)  # one in four letters drawn is the one that was there
    pure = GridBatch(torch.zeros(1, 4, 30).index_fill(1, torch.tensor(2), 1.0), None)
    assert torch.equal(Mutation(1.0)(pure).x, pure.x)


def test_every_second_sequence_is_its_other_strand():
    batch = letters([9, 7, 9, 8])
    other = reverse_complement(batch)
    assert torch.equal(reverse_complement(other).x, batch.x)
    turned = [
        [torch.equal(a, b) for a, b in zip(changed.x, other.x, strict=True)] for changed in often(Strands(), batch)
    ]
    assert 0.35 < np.mean(turned) < 0.65
    for changed in often(Strands(), batch, 5):
        assert all(torch.equal(c, a) or torch.equal(c, b) for a, b, c in zip(batch.x, other.x, changed.x, strict=True))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_shifts_in_training_make_up_for_places_never_seen():
    """A bar, of one column or two, stands on the left in training and further right afterwards."""
    rng = np.random.default_rng(0)

    def bars(n, column):
        X = rng.normal(0, 0.3, size=(n, 12, 12))
        y = np.arange(n) % 2
        for image, wide in zip(X, y, strict=True):
            image[:, column : column + 1 + wide] += 1.5
        return X, y

    (X, y), (X_test, y_test) = bars(80, 3), bars(200, 7)
    settings = {"global_pooling": "flatten", "max_epochs": 30, "learning_rate_schedule": "cosine", "random_state": 0}
    plain, shifted = (
        CNNClassifier(augmentation=augmentation, **settings).fit(X, y).score(X_test, y_test)
        for augmentation in (None, {"shift": 4})
    )
    assert plain < 0.6
    assert shifted > 0.9


@pytest.mark.parametrize(
    ("X", "augmentation"),
    [
        (["ACGT", "CCGT"], "shift"),
        (["ACGT", "CCGT"], {"shift": 0}),
        (["ACGT", "CCGT"], {"shift": 1.5}),
        (["ACGT", "CCGT"], {"noise": 0.1}),
        (["ACGT", "CCGT"], {"mutation": 2}),
        (["ACGT", "CCGT"], {"turn": 1}),
        (np.eye(4)[:2], {"flip": "horizontal"}),
        (np.ones((2, 4, 4)), {"flip": "sideways"}),
        (np.ones((2, 4, 4)), {"noise": -1}),
        (np.ones((2, 4, 4)), {"mutation": 0.1}),
        (np.ones((2, 4, 4)), {"noise": "much"}),
    ],
)
def test_what_samples_cannot_bear_is_refused(X, augmentation):
    with pytest.raises(ValueError, match="augmentation="):
        CNNClassifier(augmentation=augmentation).fit(X, [0, 1])
