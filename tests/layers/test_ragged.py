"""Ragged samples are found where they lie in memory."""

import torch

from sklearn_ann.layers import Groups, ragged_positions


def test_groups_of_lengths():
    groups = Groups.of(torch.tensor([2, 0, 3]))
    assert groups.members.tolist() == [0, 0, 2, 2, 2]
    assert groups.pointers.tolist() == [0, 2, 2, 5]
    assert groups.n_groups == 3
    assert groups.lengths.tolist() == [2, 0, 3]


def test_positions_cut_samples_out_of_memory():
    texts = ["ab", "", "cde", "f"]
    memory = "".join(texts)
    starts = torch.tensor([0, 2, 2, 5, 6])
    for index in ([0, 1, 2, 3], [3, 2, 2, 1, 0], [1], []):
        groups, positions = ragged_positions(starts, torch.tensor(index, dtype=torch.int64))
        found = [""] * len(index)
        for group, position in zip(groups.members.tolist(), positions.tolist(), strict=True):
            found[group] += memory[position]
        assert found == [texts[i] for i in index]
        assert groups.n_groups == len(index)
