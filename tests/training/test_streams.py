"""Samples that are read from outside memory."""

import gc
import threading
import weakref

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_ann.training import Examples, Rows, Stream, StreamedSamples, apply, as_tensor, located
from sklearn_ann.training.data import batches

CPU = torch.device("cpu")


class Numbers(Stream):
    """Sample i is the number i; `sizes` are those of the pieces and `runs` tell which of them come one by one."""

    bytes_of_sample = 4

    def __init__(self, sizes, runs=None, samples_of_window=20):
        self.starts = np.cumsum([0, *sizes])
        self.runs = np.arange(len(sizes)) if runs is None else np.array(runs)
        self.window = 4 * samples_of_window
        self.read, self.longer = [], 0

    def open(self, run):
        for piece in np.flatnonzero(self.runs == run):
            self.read.append(int(piece))
            yield np.arange(self.starts[piece], self.starts[piece + 1], dtype=np.float32)[:, None]
        if self.longer:
            yield np.zeros((self.longer, 1), dtype=np.float32)

    def joined(self, pieces):
        return np.concatenate(pieces)


def streamed(*args, **settings):
    return StreamedSamples(Numbers(*args, **settings), lambda raw: Rows(as_tensor(raw)))


def order(n, seed=0):
    return torch.randperm(n, generator=torch.Generator().manual_seed(seed))


def alive():
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("sklearn_ann")]


@pytest.mark.parametrize("sizes", [[10] * 7, [1, 30, 2, 9, 28], [70]])
@pytest.mark.parametrize("size", [1, 4, 64])
@pytest.mark.parametrize("runs_of", [1, 3, 100])
def test_every_sample_comes_once_in_every_epoch(sizes, size, runs_of):
    samples = streamed(sizes, runs=[piece // runs_of for piece in range(len(sizes))])
    for seed in range(3):
        found = list(batches(Examples(samples), size, CPU, order(70, seed)))
        assert sorted(int(value) for batch in found for value in batch.samples[:, 0]) == list(range(70))
        assert max(batch.size for batch in found) <= size
    plain = list(batches(Examples(samples), size, CPU, None))
    assert [int(value) for batch in plain for value in batch.samples[:, 0]] == list(range(70))


def test_targets_weights_and_held_out_samples_stay_with_their_samples():
    rows, target = order(70, 1)[:50], Rows(torch.arange(70.0)[:, None])
    examples = Examples(streamed([10] * 7), rows, target, torch.arange(70.0))
    for mixed in (None, order(50)):
        found = list(batches(examples, 8, CPU, mixed))
        assert all(torch.equal(batch.samples, batch.target) for batch in found)
        assert all(torch.equal(batch.samples[:, 0], batch.weight) for batch in found)
        assert sorted(torch.cat([batch.weight for batch in found]).int().tolist()) == sorted(rows.tolist())


def test_blocks_come_in_random_order_and_those_of_a_window_are_mixed():
    samples = streamed([10] * 100, samples_of_window=200)
    mixed = torch.cat([batch.samples[:, 0] for batch in batches(Examples(samples), 20, CPU, order(1000))])
    first = mixed[:200]
    assert len((first // 10).unique()) == 20  # a window of twenty blocks
    assert len((first[:20] // 10).unique()) > 8  # of which a batch has many
    assert abs(np.corrcoef(mixed.numpy(), np.arange(1000))[0, 1]) < 0.2
    again = torch.cat([batch.samples[:, 0] for batch in batches(Examples(samples), 20, CPU, order(1000))])
    assert torch.equal(mixed, again)
    other = torch.cat([batch.samples[:, 0] for batch in batches(Examples(samples), 20, CPU, order(1000, 1))])
    assert not torch.equal(mixed, other)


def test_what_fits_in_one_window_is_read_once_and_mixed_like_samples_in_memory():
    samples = streamed([10] * 7, samples_of_window=70)
    memory = Rows(torch.arange(70.0)[:, None])
    for seed in range(2):
        here, there = (list(batches(Examples(kind), 16, CPU, order(70, seed))) for kind in (samples, memory))
        assert all(torch.equal(one.samples, other.samples) for one, other in zip(here, there, strict=True))
    assert samples.stream.read == list(range(7))


def test_a_window_is_read_once_an_epoch_and_given_back_before_the_next_is_encoded():
    inside, most = [0], [0]

    def encode(raw):
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        rows = Rows(as_tensor(raw))
        weakref.finalize(rows, lambda: inside.__setitem__(0, inside[0] - 1))
        return rows

    samples = StreamedSamples(Numbers([10] * 20, samples_of_window=40), encode)
    for _ in batches(Examples(samples), 8, CPU, order(200)):
        pass
    assert sorted(samples.stream.read) == list(range(20))
    assert most[0] == 1


def test_windows_return_all_samples_in_turn():
    found = list(streamed([10, 20, 1, 9], samples_of_window=15).windows())
    assert [(place.start, place.stop) for place, _ in found] == [(0, 30), (30, 40)]
    assert torch.cat([part.values for _, part in found])[:, 0].tolist() == list(range(40))


def test_samples_are_returned_by_number():
    samples = streamed([10] * 7)
    assert samples[torch.tensor([69, 3, 3, 40])][:, 0].tolist() == [69, 3, 3, 40]


def test_the_thread_ends_with_the_epoch_and_with_an_error():
    samples = streamed([10] * 20)
    for number, _ in enumerate(batches(Examples(samples), 5, CPU, order(200))):
        assert alive() or number > 30
    assert not alive()

    def interrupted():
        for _ in batches(Examples(samples), 5, CPU, order(200)):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not alive()
    found = batches(Examples(samples), 5, CPU, order(200))
    next(found)
    del found
    gc.collect()
    assert not alive()


def test_predictions_are_made_window_by_window():
    samples = streamed([10] * 20)

    def run(function):
        return apply(nn.Identity(), samples, function, device=CPU, chunks=16)

    np.testing.assert_array_equal(run(lambda _, x: x[:, 0]), np.arange(200))
    assert sorted(samples.stream.read) == list(range(20))

    def broken(_, x):
        raise ValueError("no")

    with pytest.raises(ValueError, match="no") as raised:
        run(broken)
    assert not alive()  # while the error is held
    assert raised


@pytest.mark.parametrize("size", [7, 16, 45])
def test_a_run_is_read_once_in_a_pass_whatever_the_batches(size):
    samples = streamed([10] * 20, runs=[0] * 12 + [1] * 8)
    apply(nn.Identity(), samples, lambda _, x: x, device=CPU, chunks=size)
    assert samples.stream.read == list(range(20))
    samples.stream.read.clear()
    for _ in batches(Examples(samples), size, CPU, order(200)):
        pass
    assert sorted(samples.stream.read) == list(range(20))


def test_an_error_of_reading_comes_through():
    samples = streamed([10] * 20)

    def broken(run):
        if run == 7:
            raise OSError("the disk is gone")
        yield np.zeros((10, 1), dtype=np.float32)

    samples.stream.open = broken
    with pytest.raises(OSError, match="the disk is gone"):
        list(batches(Examples(samples), 5, CPU, order(200)))
    assert not alive()


def test_pieces_that_change_are_refused():
    stream = Numbers([10] * 4, runs=[0, 0, 0, 0])
    stream.longer = 1
    with pytest.raises(ValueError, match="more than the 40 samples"):
        list(stream.pieces(range(4)))
    stream = Numbers([10, 10, 10, 15], runs=[0, 0, 0, 0])
    stream.open = lambda _: iter([np.zeros((10, 1))] * 4)
    with pytest.raises(ValueError, match="samples 30 to 44 of X were 15 at first and are 10 now"):
        list(stream.pieces(range(4)))
    stream.open = lambda _: iter([np.zeros((10, 1))])
    with pytest.raises(ValueError, match="samples 10 to 19 of X were 10 at first and are 0 now"):
        list(stream.pieces(range(4)))


def test_pieces_of_a_run_are_passed_over_and_begun_anew():
    stream = Numbers([1] * 6, runs=[0, 0, 0, 1, 1, 1])
    assert [int(piece[0, 0]) for piece in stream.pieces([1, 4, 5, 2, 0])] == [1, 4, 5, 2, 0]


def test_errors_name_samples_by_their_place_in_all():
    def encode(raw):
        wrong = np.flatnonzero(raw[:, 0] == 33)
        if len(wrong):
            raise ValueError(f"sample {wrong[0]} is odd, of 2 samples")
        return Rows(as_tensor(raw))

    samples = StreamedSamples(Numbers([10] * 7), encode)
    with pytest.raises(ValueError, match="sample 33 is odd, of 2 samples"):
        list(batches(Examples(samples), 5, CPU, order(70)))
    assert isinstance(located(UnicodeDecodeError("utf-8", b"", 0, 1, "no"), range(3)), ValueError)
    assert str(located(TypeError("sample 2"), range(10, 13))) == "sample 12"


def test_windows_that_a_prediction_has_read_serve_a_training():
    samples = streamed([10] * 2, samples_of_window=70)
    with torch.inference_mode():
        samples[torch.arange(4)]
    weight = torch.ones(1, requires_grad=True)
    (samples[torch.arange(4)] * weight).sum().backward()
    assert weight.grad == 6
