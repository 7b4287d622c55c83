"""Windows on strings: every letter is asked for once, near the centre, and read about once in an epoch."""

import numpy as np
import pytest
import torch

from sklearn_ann.attention.windows import (
    examples_of_windows,
    numbered,
    windows_of_letters,
    windows_to_learn,
    windows_to_predict,
)
from sklearn_ann.reading import LetterSamples
from sklearn_ann.training import Examples

LENGTHS = [1, 7, 8, 9, 20, 8, 31]


def sequences(lengths=LENGTHS):
    starts = torch.tensor(np.cumsum([0, *lengths]))
    return LetterSamples(torch.arange(int(starts[-1])).to(torch.uint8), starts)


def test_numbered():
    owner, number = numbered(torch.tensor([2, 1, 3]))
    assert owner.tolist() == [0, 0, 1, 2, 2, 2]
    assert number.tolist() == [0, 1, 0, 0, 1, 2]


@pytest.mark.parametrize("size", [1, 2, 5, 8, 40])
def test_windows_ask_for_each_letter_once_and_in_order(size):
    samples = sequences()
    windows, owner = windows_to_predict(samples, size)
    assert windows.lengths.max() <= size
    asked = [
        start + torch.arange(first, last)
        for start, first, last in zip(windows.starts, windows.first, windows.last, strict=True)
    ]
    assert torch.cat(asked).tolist() == list(range(sum(LENGTHS)))
    assert all(map(len, asked))
    for i, (start, length) in enumerate(zip(windows.starts, windows.lengths, strict=True)):
        assert samples.starts[owner[i]] <= start
        assert start + length <= samples.starts[owner[i] + 1]  # within its sequence


def test_each_letter_is_asked_for_where_the_window_reaches_farthest():
    samples = sequences([100])
    windows, _ = windows_to_predict(samples, 16)
    centres = (windows.starts + (windows.lengths - 1) / 2).numpy()
    for centre, start, first, last in zip(centres, windows.starts, windows.first, windows.last, strict=True):
        for place in range(int(start + first), int(start + last)):
            assert abs(place - centre) <= np.abs(place - centres).min() + 1e-9


def test_where_windows_lie_depends_on_the_length_alone():
    alone, _ = windows_to_predict(sequences([31]), 8)
    among, owner = windows_to_predict(sequences(), 8)
    of_it = owner == 6
    assert torch.equal(alone.first, among.first[of_it])
    assert torch.equal(alone.starts, among.starts[of_it] - sum(LENGTHS[:6]))


def test_windows_of_letters():
    samples = sequences()
    windows = windows_of_letters(samples, 8)
    assert (windows.starts + windows.first).tolist() == list(range(sum(LENGTHS)))
    batch = windows[torch.tensor([3, 0, 40])]
    assert batch.codes.gather(1, batch.first[:, None])[:, 0].tolist() == [3, 0, 40]
    assert batch.lengths.tolist() == [7, 1, 8]


def test_stretches_hold_each_letter_about_once():
    samples = sequences([8, 9, 200])
    windows, owner, letters = windows_to_learn(samples, 8)
    assert torch.bincount(owner, letters).tolist() == pytest.approx([8, 9, 200])
    assert windows.lengths.max() == 16
    assert windows.lengths.min() == 8  # a window always has its full size
    rng = np.random.default_rng(0)
    read = np.zeros(217)
    for _ in range(500):
        for start, length in zip(windows.starts.tolist(), windows.lengths.tolist(), strict=True):
            begin = start + rng.integers(length - 8 + 1)
            read[begin : begin + 8] += 1
    assert (read[:8] == 500).all()
    assert read[17 + 16 : -16].min() > 400
    assert read[17 + 16 : -16].max() < 600
    assert read.min() > 400


def test_strings_count_by_their_letters_and_their_weight():
    samples = sequences([4, 8, 30])
    examples = Examples(samples, torch.tensor([0, 2]), weight=torch.tensor([2.0, 0.0, 0.5]))
    found = examples_of_windows(examples, 8, torch.float64, 200)
    _, owner, _ = windows_to_learn(samples, 8)
    assert set(owner[found.rows].tolist()) == {0, 2}
    totals = torch.bincount(owner[found.rows], found.weight[found.rows])
    assert totals[0] / totals[2] == pytest.approx(8 / 15)
    assert found.weight[found.rows].mean() == pytest.approx(1)
    assert examples_of_windows(Examples(sequences([5, 5])), 8, torch.float32, 200).weight is None


def test_letters_that_may_be_several_do_not_count():
    samples = LetterSamples(
        torch.tensor([0, 1, 9, 9, 2, 3, 9, 9, 9, 1, 1], dtype=torch.uint8), torch.tensor([0, 6, 9, 11])
    )
    found = examples_of_windows(Examples(samples), 8, torch.float64, 4)
    assert found.rows.tolist() == [0, 2]
    assert found.weight[found.rows].tolist() == pytest.approx([4 / 3, 2 / 3])
    long = LetterSamples(torch.tensor([1] * 40 + [9] * 60, dtype=torch.uint8), torch.tensor([0, 100]))
    found = examples_of_windows(Examples(long), 8, torch.float64, 4)
    assert int((found.samples.starts[found.rows]).max()) < 40
    with pytest.raises(ValueError, match="X_val has no letter to learn from"):
        examples_of_windows(Examples(samples, torch.tensor([1])), 8, torch.float64, 4, "X_val")


def test_pieces_bound_the_letters_and_hold_all():
    windows, _ = windows_to_predict(sequences(), 8)
    pieces = windows.pieces(24)
    assert max(map(len, pieces)) == 3
    assert sorted(torch.cat(pieces).tolist()) == list(range(len(windows)))
    assert len(windows.pieces(1)) == len(windows)
