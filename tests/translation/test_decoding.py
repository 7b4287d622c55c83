import itertools
import math

import numpy as np
import pytest
import torch

from sklearn_ann.reading.tokens import TokenBatch
from sklearn_ann.translation.decoding import Cache, search

END = 0


class Chain:
    """A network whose next token depends on the last one and on the first token of the source."""

    def __init__(self, n_tokens=4, n_sources=3, seed=0, end=0.0):
        logits = torch.randn(n_sources, n_tokens, n_tokens, generator=torch.Generator().manual_seed(seed)) * 2
        logits[:, :, END] += end
        self.log_probabilities = logits.log_softmax(dim=2)
        self.rows = []

    def begin(self, source, n_beams):
        return Cache([source.codes[:, 0]], [torch.zeros(len(source.codes), n_beams)])

    def advance(self, tokens, cache):
        self.rows.append(len(tokens))
        cache.n_tokens += 1
        [source] = cache.of_samples
        return self.log_probabilities[source[:, None], tokens]

    def log_probability(self, source, output):
        path = [END, *output, END]
        return sum(float(self.log_probabilities[source, a, b]) for a, b in itertools.pairwise(path))


def sources(*codes):
    return TokenBatch(torch.tensor(codes)[:, None], torch.ones(len(codes), dtype=torch.int64))


def limits(n, limit):
    return torch.full((n,), limit)


def greedy(chain, source, limit):
    """The definition, written down."""
    output, last = [], END
    while len(output) <= limit:
        last = int(chain.log_probabilities[source, last].argmax())
        if last == END:
            return output
        output.append(last)
    return output[:limit]


@pytest.mark.parametrize("seed", range(5))
def test_one_beam_takes_the_most_probable_token_at_each_step(seed):
    chain = Chain(seed=seed)
    found = search(chain, sources(0, 1, 2), limits(3, 7), 1, 1.0, END)
    for source, [best] in enumerate(found):
        assert best.codes.tolist() == greedy(chain, source, 7)
        if not best.cut:
            assert best.log_probability == pytest.approx(chain.log_probability(source, best.codes.tolist()), rel=1e-5)


@pytest.mark.parametrize("length_penalty", [0.0, 1.0])
def test_many_beams_find_the_best_of_all_outputs(length_penalty):
    chain = Chain(n_tokens=4, end=1.0)
    everything = [list(output) for n in range(5) for output in itertools.product([1, 2, 3], repeat=n)]
    for source in range(3):
        score = {
            tuple(output): chain.log_probability(source, output) / (len(output) + 1) ** length_penalty
            for output in everything
        }
        best = max(score, key=score.get)
        [hypotheses] = search(chain, sources(source), limits(1, 4), 3, length_penalty, END)
        assert tuple(hypotheses[0].codes.tolist()) == best
        assert not hypotheses[0].cut
        scores = [score[tuple(one.codes.tolist())] for one in hypotheses]
        assert scores == sorted(scores, reverse=True)
        assert len({tuple(one.codes.tolist()) for one in hypotheses}) == 3


def test_more_beams_find_more_probable_outputs_on_average():
    found = [
        [
            search(Chain(n_tokens=6, seed=seed, end=1.0), sources(0), limits(1, 6), n_beams, 0.0, END)[0][0]
            for seed in range(30)
        ]
        for n_beams in (1, 2, 5)
    ]
    means = [np.mean([best.log_probability for best in of_beams]) for of_beams in found]
    assert means[0] < means[1] < means[2]


def test_outputs_do_not_depend_on_the_batch_and_done_samples_leave_it():
    chain = Chain(seed=3)
    codes = np.random.default_rng(0).integers(0, 3, size=200).tolist()
    most = torch.tensor([code * 9 + 2 for code in codes])  # so that some are done long before others
    chain.log_probabilities[:, :, END] = -math.inf
    together = search(chain, sources(*codes), most, 2, 1.0, END)
    assert chain.rows[0] == 200
    assert chain.rows[-1] < 100
    for code, limit, found in zip(codes[:20], most[:20], together[:20], strict=True):
        [alone] = search(chain, sources(code), limit[None], 2, 1.0, END)
        assert [one.codes.tolist() for one in alone] == [one.codes.tolist() for one in found]
        assert [one.log_probability for one in alone] == [one.log_probability for one in found]


def test_outputs_without_an_end_are_cut_at_their_own_limits():
    chain = Chain()
    chain.log_probabilities[:, :, END] = -math.inf
    found = search(chain, sources(0, 1), torch.tensor([3, 5]), 2, 1.0, END)
    assert [len(best.codes) for best, _ in found] == [3, 5]
    assert all(one.cut for hypotheses in found for one in hypotheses)


@pytest.mark.parametrize("n_tokens", [4, 9])
def test_cut_outputs_are_distinct_and_sorted_by_the_probability_of_their_tokens(n_tokens):
    n_beams = n_tokens - 1
    chain = Chain(n_tokens=n_tokens, n_sources=6, end=-math.inf)
    for source, hypotheses in enumerate(search(chain, sources(*range(6)), limits(6, 3), n_beams, 1.0, END)):
        outputs = [tuple(one.codes.tolist()) for one in hypotheses]
        assert len(set(outputs)) == n_beams
        expected = [
            sum(float(chain.log_probabilities[source, a, b]) for a, b in itertools.pairwise((END, *output)))
            for output in outputs
        ]
        assert [one.log_probability for one in hypotheses] == pytest.approx(expected, rel=1e-5)
        assert expected == sorted(expected, reverse=True)


def test_an_output_is_not_both_ended_and_cut():
    for seed in range(20):
        [hypotheses] = search(Chain(seed=seed), sources(0), limits(1, 2), 3, 1.0, END)
        assert len({tuple(one.codes.tolist()) for one in hypotheses}) == 3


def test_a_cut_output_is_never_before_one_that_has_ended():
    chain = Chain()
    chain.log_probabilities[:, :, END] -= 30.0
    [hypotheses] = search(chain, sources(0), limits(1, 3), 3, 1.0, END)
    cut = [one.cut for one in hypotheses]
    assert cut == sorted(cut)


def test_a_cache_follows_samples_and_beams():
    cache = Cache([torch.arange(3)], [torch.arange(6).view(3, 2)])
    cache.reorder(torch.tensor([[1, 1], [0, 1], [1, 0]]))
    assert cache.of_beams[0].tolist() == [[1, 1], [2, 3], [5, 4]]
    cache.keep(torch.tensor([2, 0]))
    assert cache.of_beams[0].tolist() == [[5, 4], [1, 1]]
    assert cache.of_samples[0].tolist() == [2, 0]
