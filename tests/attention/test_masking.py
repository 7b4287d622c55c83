"""What is masked and by what; that nothing of a masked letter leaks."""

from functools import partial

import numpy as np
import pytest
import torch

from sklearn_ann import MaskedSequenceModel
from sklearn_ann.attention.masking import random_places, random_windows
from sklearn_ann.attention.windows import windows_of_letters, windows_to_predict
from sklearn_ann.reading import LetterBatch

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
QUICK = {"max_epochs": 1, "n_components": 16, "n_heads": 2, "random_state": 0}


def uniform(seed=0):
    return partial(torch.Tensor.uniform_, generator=torch.Generator().manual_seed(seed))


def test_a_share_of_the_eligible_letters_is_chosen_and_one_at_least():
    eligible = torch.arange(40) < torch.tensor([40, 20, 3, 1, 0])[:, None]
    hits = torch.zeros(5, 40)
    for seed in range(300):
        places, chosen = random_places(eligible, 0.15, uniform(seed))
        assert chosen.sum(dim=1).tolist() == [6, 3, 1, 1, 0]
        assert all(len(set(row.tolist())) == len(row) for row in places)
        hits.scatter_add_(1, places, chosen.float())
    assert not hits[~eligible].any()
    np.testing.assert_allclose(hits[0] / 300, 0.15, atol=0.1)  # every place alike
    np.testing.assert_allclose(hits[2, :3] / 300, 1 / 3, atol=0.1)


def test_windows_begin_anywhere():
    codes = torch.arange(30).repeat(2000, 1).to(torch.uint8)
    lengths = torch.tensor([30, 12, 10, 5]).repeat(500)
    cut, new = random_windows(codes, lengths, 10, uniform())
    assert cut.shape == (2000, 10)
    assert new[:4].tolist() == [10, 10, 10, 5]
    assert (cut.diff(dim=1) == 1).all()
    begins = cut[:, 0].view(500, 4)
    assert set(begins[:, 0].tolist()) == set(range(21))
    assert set(begins[:, 1].tolist()) == {0, 1, 2}
    assert not begins[:, 2:].any()
    same, none = random_windows(codes[:, :10], None, 10, uniform())
    assert same.shape == (2000, 10)
    assert none is None


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(0)
    strings = ["".join(rng.choice(list("ACGT"), size=n)) for n in rng.integers(1, 30, size=50)]
    fitted = MaskedSequenceModel(alphabet="dna", k=4, n_layers=2, **QUICK).fit(strings)
    fitted.module_.eval()
    return fitted


def test_eighty_ten_ten(model):
    network = model.module_
    network.train()
    codes = torch.zeros(400, 200, dtype=torch.uint8)
    places = torch.arange(200).expand(400, 200)
    chosen = places < 100
    shown = network._shown(codes, places, chosen, uniform())
    network.eval()
    assert (shown[:, 100:] == 0).all()
    share = torch.bincount(shown[:, :100].flatten().long(), minlength=network.mask_code + 1) / 40_000
    np.testing.assert_allclose(share[network.mask_code], 0.8, atol=0.01)
    np.testing.assert_allclose(share[0], 0.1 + 0.1 / 4, atol=0.01)
    np.testing.assert_allclose(share[1:4], 0.1 / 4, atol=0.01)
    assert (network._shown(codes, places, chosen, uniform())[:, :100] == network.mask_code).all()  # in evaluation


def test_no_state_depends_on_a_masked_letter(model):
    network = model.module_
    states = []
    for letter in range(4):
        codes = torch.tensor([[0, 1, 2, letter, 3, 0, 1]], dtype=torch.uint8)
        states.append(network.states(codes.index_fill(1, torch.tensor([3]), network.mask_code), None))
        seen = network.states(codes, None)
        assert not torch.allclose(seen, states[-1])
    assert all(torch.equal(states[0], other) for other in states)


def test_the_mask_is_a_letter_with_a_vector_of_its_own(model):
    network, body = model.module_, model.module_.body
    codes = torch.tensor([[0, network.mask_code, 2]], dtype=torch.uint8)
    with torch.no_grad():
        found = body.vectors(codes, None, network.mask)[0].numpy()
        before, itself, after, second = body.embedding.numpy().transpose(2, 1, 0)  # (n_letters, width) each
        masked = network.mask[:, 0].numpy().T
    np.testing.assert_allclose(found[0], itself[0] + masked[2] + second[2], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found[1], before[0] + masked[1] + after[2], rtol=1e-5, atol=1e-6)
    plain = torch.tensor([[0, 1, 2]], dtype=torch.uint8)
    assert torch.equal(body.vectors(plain, None), body.vectors(plain, None, network.mask))


def test_validation_masks_the_same_letters_each_time(model):
    samples = model.reader_.read(["ACGTACGTAC", "GGGTACACAC"])
    batch = samples[torch.arange(2)]
    with torch.no_grad():
        first = model.module_(batch)
        assert torch.equal(first, model.module_(batch))
    assert first.shape == (2, 2)


def test_a_string_of_ambiguous_letters_has_nothing_to_name(model):
    network = model.module_
    code = model.reader_.alphabet.any_letter
    with torch.no_grad():
        error, right = network(LetterBatch(torch.full((1, 6), code, dtype=torch.uint8), None))
    assert error.tolist() == right.tolist() == [0.0]


def test_what_windows_are_asked_for(model):
    samples = model.reader_.read(["ACGTACGTACCCGTA", "GN"])
    network = model.module_
    windows, _ = windows_to_predict(samples, 8)
    batch = windows[torch.arange(len(windows))]
    with torch.no_grad():
        states = network.states_asked(batch)
        letters = network.letters_asked(batch)
        features = network.features(batch)
        assert [len(one) for one in states] == (windows.last - windows.first).tolist()
        for state, letter, feature in zip(states, letters, features, strict=True):
            torch.testing.assert_close(state.mean(dim=0), feature)
            torch.testing.assert_close(letter.exp().sum(dim=1), torch.ones(len(letter)))
        in_turn, own = network.masked_in_turn(windows_of_letters(samples, 8)[torch.tensor([2, 16])])
    torch.testing.assert_close(own[0], in_turn[0, 2])  # the third letter is G
    assert own[1].item() == pytest.approx(0, abs=1e-6)  # an N may be any
