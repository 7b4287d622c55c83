"""make_motif_sequences: what is planted follows its matrix, lies where it is said, and makes the classes."""

import numpy as np
import pytest

from sklearn_ann.datasets import make_motif_sequences

SITES = ["TATAAAGC", "GATTACAG"]


def fixed(word):
    """The matrix of a motif that is always the same word."""
    return np.array([[letter == known for known in "ACGT"] for letter in word], dtype=float)


def other_strand(s):
    return s.translate(str.maketrans("ACGT", "TGCA"))[::-1]


def frequencies(words):
    return np.array([[column.count(letter) / len(words) for letter in "ACGT"] for column in zip(*words, strict=True)])


def test_instances_follow_their_matrix():
    sequences, y, [motif], positions = make_motif_sequences(4000, length=30, return_positions=True, random_state=0)
    words = [s[p : p + 10] for s, [p] in zip(sequences, positions, strict=True) if p >= 0]
    assert len(words) == y.sum() == 2000
    np.testing.assert_allclose(frequencies(words), motif, atol=0.05)
    assert (motif.max(axis=1) >= 0.7).all()
    np.testing.assert_allclose(motif.sum(axis=1), 1)


def test_presence_gives_a_class_to_each_motif():
    sequences, y, motifs, positions = make_motif_sequences(
        300, length=(20, 40), motifs=[fixed(site) for site in SITES], return_positions=True, random_state=0
    )
    np.testing.assert_array_equal(y, np.arange(300) % 3)
    assert set(map(len, sequences)) == set(range(20, 41))
    np.testing.assert_array_equal(positions >= 0, y[:, None] == [1, 2])
    for s, label, where in zip(sequences, y, positions, strict=True):
        if label:
            assert s[where[label - 1] :].startswith(SITES[label - 1])
    assert [len(m) for m in motifs] == [8, 8]


def test_composition_does_not_tell_presence():
    poor = [[0.5, 0, 0, 0.5]] * 12
    sequences, y, _ = make_motif_sequences(3000, length=20, motifs=[poor], random_state=0)
    share = np.array([(s.count("A") + s.count("T")) / len(s) for s in sequences])
    assert share[y == 0].mean() == pytest.approx(share[y == 1].mean(), abs=0.01)
    assert share.mean() > 0.75


def test_order():
    sequences, y, _, positions = make_motif_sequences(
        200, length=25, motifs=[fixed(site) for site in SITES], rule="order", return_positions=True, random_state=0
    )
    np.testing.assert_array_equal(positions[:, 0] > positions[:, 1], y == 1)
    assert np.abs(np.diff(positions)).min() == 8  # side by side, but never one over the other
    assert all(
        s[p:].startswith(SITES[k]) for s, where in zip(sequences, positions, strict=True) for k, p in enumerate(where)
    )
    assert positions.min() == 0
    assert positions.max() == 25 - 8


def test_strand():
    sequences, y, _, positions = make_motif_sequences(
        100, length=30, motifs=[fixed(SITES[0])], rule="strand", return_positions=True, random_state=0
    )
    for s, label, [p] in zip(sequences, y, positions, strict=True):
        assert s[p : p + 8] == (other_strand(SITES[0]) if label else SITES[0])


def test_both_strands():
    sequences, y, _, positions = make_motif_sequences(
        400, length=30, motifs=[fixed(SITES[0])], both_strands=True, return_positions=True, random_state=0
    )
    words = [s[p : p + 8] for s, [p], label in zip(sequences, positions, y, strict=True) if label]
    assert set(words) == {SITES[0], other_strand(SITES[0])}
    assert 70 < words.count(SITES[0]) < 130
    assert (positions[y == 0] == -1).all()


def test_letters_and_background_of_ones_own():
    sequences, *_ = make_motif_sequences(
        200, length=200, letters="HPX", background=[0.7, 0.3, 0], width=2, random_state=0
    )
    text = "".join(sequences)
    assert text.count("H") / len(text) == pytest.approx(0.7, abs=0.02)
    assert text.count("X") < 200 * 2 + 1


def test_random_state_decides():
    state = np.random.get_state()[1].copy()
    once, _, [motif] = make_motif_sequences(6, random_state=3)
    again, _, [same] = make_motif_sequences(6, random_state=np.random.RandomState(3))
    assert once == again
    np.testing.assert_array_equal(motif, same)
    assert once != make_motif_sequences(6, random_state=4)[0]
    np.testing.assert_array_equal(np.random.get_state()[1], state)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_samples": 0}, "n_samples == 0, must be >= 1"),
        ({"length": 9}, "length=9: expected at least 10"),
        ({"length": (40, 30)}, r"length=\(40, 30\)"),
        ({"motifs": 3, "rule": "order", "length": 29}, "length=29: expected at least 30"),
        ({"rule": "order"}, "rule='order' needs 2 motifs or more, got 1"),
        ({"motifs": []}, "rule='presence' needs 1 motifs or more, got 0"),
        ({"motifs": 0}, "motifs=0 and width=10"),
        ({"rule": "sum"}, "rule='sum': expected"),
        ({"rule": "strand", "both_strands": True}, "both_strands=True and rule='strand'"),
        ({"rule": "strand", "letters": "HP"}, "letters='HP' have no other strand"),
        ({"letters": "AA"}, "letters='AA': expected 2"),
        ({"conservation": (0.9, 0.5)}, r"conservation=\(0.9, 0.5\)"),
        ({"motifs": [np.ones((4, 3)) / 3]}, r"motif 0 has shape \(4, 3\): expected one column for each of 4"),
        ({"motifs": [fixed("ACGT"), np.ones((4, 4))]}, "motif 1: expected probabilities"),
        ({"background": [0.5, 0.5, 0.5, -0.5]}, "background: expected probabilities"),
        ({"background": [1]}, r"background has shape \(1, 1\)"),
    ],
)
def test_bad_input(settings, message):
    with pytest.raises(ValueError, match=message):
        make_motif_sequences(random_state=0, **{"n_samples": 4} | settings)
