"""Masked places: what names one, and what does not."""

import numpy as np
import pytest

from sklearn_ann.attention.places import checked_mask, checked_positions
from sklearn_ann.reading.alphabets import find_alphabet


@pytest.mark.parametrize("mask", ["_", "?", "*", "é", "🧬"])
def test_a_letter_of_its_own(mask):
    checked_mask(mask, find_alphabet("protein"))


@pytest.mark.parametrize("mask", ["", "__", "A", "a", "x", " ", "\n"])
def test_a_letter_that_is_none_of_its_own(mask):
    with pytest.raises(ValueError, match="expected a single letter that is none of the alphabet, ACDEFGHIKLMNPQRSTVWY"):
        checked_mask(mask, find_alphabet("protein"))


def test_positions():
    lengths = np.array([4, 2])
    for given in ([3, 0], np.array([3, 0]), (np.int32(3), 0)):
        found, single = checked_positions(given, lengths)
        assert [place.tolist() for place in found] == [[3], [0]]
        assert single
    for given in ([[3, 0], []], [[3, 0], ()], [np.array([3, 0]), []]):
        found, single = checked_positions(given, lengths)
        assert [place.tolist() for place in found] == [[3, 0], []]
        assert not single
    assert not checked_positions([1, [0]], lengths)[1]
    assert not checked_positions(np.array([[3], [1]]), lengths)[1]


@pytest.mark.parametrize("given", [[None, 1], [0.0, 1], ["0", 1], [[True], 1], [[[0]], 1]])
def test_what_is_no_position(given):
    with pytest.raises(TypeError, match="positions of sequence 0 are"):
        checked_positions(given, np.array([4, 2]))
