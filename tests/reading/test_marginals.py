import numpy as np
import pytest

from sklearn_ann.reading.marginals import Groups, Marginals, concealed, subsets

CODES = np.array([[0, 0], [0, 1], [1, 0], [1, 1], [1, 2]])
TARGETS = np.array([[1.0], [2.0], [3.0], [4.0], [5.0]])
ONES = np.ones((5, 1))


def test_all_proper_subsets_of_few_modes_and_pairs_of_many():
    assert subsets(2) == [(0,), (1,)]
    assert len(subsets(5)) == 30
    assert len(subsets(7)) == 7 + 21


def test_a_mean_is_that_of_the_other_entries_shrunk_as_by_one_entry_of_the_mean():
    means, masses = Marginals(CODES, TARGETS, ONES, [2, 3]).read(CODES)
    np.testing.assert_allclose(means[0], [2 / 2, 3 / 2])  # row 0 holds one other entry, column 0 one other
    np.testing.assert_allclose(masses[0], [1, 1])
    np.testing.assert_allclose(means[4], [(3 + 4) / 3, 0])  # column 2 holds no other
    assert masses[4, 1] == 0


def test_an_entry_that_was_not_in_fit_and_one_that_was_are_read_alike():
    without = Marginals(CODES[1:], TARGETS[1:], ONES[1:], [2, 3]).read(CODES[:1])
    with_it = Marginals(CODES, TARGETS, ONES, [2, 3]).read(CODES[:1])
    np.testing.assert_allclose(with_it, without)


def test_an_entry_does_not_see_another_sample_of_itself():
    rng = np.random.default_rng(0)
    twice, targets = np.r_[CODES, CODES], np.r_[TARGETS, TARGETS + rng.normal(size=(5, 1))]
    before = Marginals(twice, targets, np.ones((10, 1)), [2, 3]).read(CODES[:1])
    targets[[0, 5]] += 100
    np.testing.assert_allclose(Marginals(twice, targets, np.ones((10, 1)), [2, 3]).read(CODES[:1]), before)


def test_a_weight_of_two_is_a_sample_repeated_twice():
    weight = np.array([[2.0], [1], [1], [2], [1]])
    repeated = np.repeat(np.arange(5), weight[:, 0].astype(int))
    weighted = Marginals(CODES, TARGETS, weight / weight.mean(), [2, 3]).read(CODES)
    expected = Marginals(CODES[repeated], TARGETS[repeated], np.ones((7, 1)), [2, 3]).read(CODES)
    np.testing.assert_allclose(weighted, expected)


def test_unknown_levels_and_pairs_have_no_mean():
    codes = np.array([[0, 0, 0], [1, 1, 1], [0, 1, 1]])
    marginals = Marginals(codes, np.ones((3, 1)), np.ones((3, 1)), [2, 2, 2])
    means, masses = marginals.read(np.array([[2, 0, 0], [0, 0, 1]]))
    assert means[0, subsets(3).index((0,))] == masses[0, subsets(3).index((0, 1))] == 0
    assert means[0, subsets(3).index((1, 2))] > 0
    assert means[1, subsets(3).index((1, 2))] == 0


def test_a_missing_target_does_not_count():
    weight = ONES * [1.0, 1.0]
    weight[1, 1] = 0
    means, masses = Marginals(CODES, TARGETS * [1.0, 2.0], weight, [2, 3]).read(CODES[:1])
    assert means.shape == (1, 4)
    np.testing.assert_allclose(masses[0, 1], 0)  # the only other entry of row 0 has no second target


@pytest.mark.parametrize("size", [3, 2**40])
def test_groups_number_tuples_of_any_number_of_levels(size):
    codes = np.array([[0, 1, 2], [0, 1, 2], [2, 1, 0], [2, 1, 1]])
    groups = Groups([size] * 3)
    learned = groups.learn(codes, [(0, 1), (0, 1, 2)])
    assert learned[0, 1].tolist() == [0, 0, 1, 1]
    assert learned[0, 1, 2].tolist() == [0, 0, 1, 2]
    read = groups.read(np.array([[2, 1, 1], [1, 1, 1], [0, 1, 0]]), [(0, 1), (0, 1, 2)])
    assert read[0, 1].tolist() == [1, -1, 0]
    assert read[0, 1, 2].tolist() == [2, -1, -1]


def test_what_is_concealed_of_a_held_out_fibre():
    codes = np.indices((3, 3, 4)).reshape(3, -1).T
    ones = np.ones((len(codes), 1))
    full = Marginals(codes, ones, ones, [3, 3, 4])
    cases, lacking = concealed(full, full.read(codes)[1])
    assert [full.subsets[case] for case in cases] == [(0, 1), (0, 2), (1, 2)]
    nothing, pairs = 6, {(0, 1): 3, (0, 2): 4, (1, 2): 5}
    assert lacking[0].tolist() == [3, 3, nothing, pairs[0, 1], nothing, nothing]  # the means of 0 and 1 lack the pair
    assert lacking[1].tolist() == [4, nothing, 4, nothing, pairs[0, 2], nothing]
    sparse = codes[[0, 5, 9, 15, 22, 35]]
    few = Marginals(sparse, ones[:6], ones[:6], [3, 3, 4])
    assert len(concealed(few, few.read(sparse)[1])[0]) == 0  # pairs of levels are rare: none is one that was held out
