import numpy as np
import pytest
import torch

from sklearn_ann.reading.tokens import TokenBatch
from sklearn_ann.training import Examples
from sklearn_ann.translation.targets import END, SequenceTargets, SourceReader, sequence_error, with_end

COMMON = {"owner": "Someone", "dtype": torch.float32}


def test_the_loss_of_a_sample_is_the_mean_over_its_own_tokens():
    logits = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(0))
    target = TokenBatch(torch.tensor([[1, 2, 0, 4], [3, 1, 4, 0]]), torch.tensor([3, 4]))
    losses = sequence_error(0.0, logits, target)
    probabilities = logits.log_softmax(dim=2)
    first = -(probabilities[0, 0, 1] + probabilities[0, 1, 2] + probabilities[0, 2, 0]) / 3
    assert losses[0] == pytest.approx(float(first), rel=1e-6)
    full = sequence_error(0.0, logits, TokenBatch(target.codes, None))
    assert full[1] == losses[1]
    logits[0, 3] = 1e3  # padding
    assert sequence_error(0.0, logits, target)[0] == losses[0]


def test_smoothing_moves_a_share_of_the_target_to_all_tokens():
    logits = torch.randn(1, 1, 5, generator=torch.Generator().manual_seed(0))
    target = TokenBatch(torch.tensor([[2]]), None)
    log_probabilities = logits.log_softmax(dim=2)[0, 0]
    expected = -0.9 * log_probabilities[2] - 0.1 * log_probabilities.mean()
    assert sequence_error(0.1, logits, target)[0] == pytest.approx(float(expected), rel=1e-6)


def test_an_end_follows_each_target():
    samples = with_end(np.array([3, 4, 5]), np.array([0, 1, 3]))
    assert samples.codes.tolist() == [3, END, 4, 5, END]
    assert samples.starts.tolist() == [0, 2, 5]


@pytest.mark.parametrize(
    ("y", "tokenizer", "expected"),
    [
        (["ab", "b"], None, "ba"),
        (["a b", "b"], str.split, "b a"),
        ([["a", "b"], ["b"]], None, ["b", "a"]),
    ],
)
def test_predictions_have_the_form_of_the_targets(y, tokenizer, expected):
    targets = SequenceTargets(tokenizer=tokenizer, **COMMON)
    targets.learn(y, None)
    assert targets.n_outputs == 3
    found = targets.predictions([np.array([2, 1]), np.array([], dtype=int)])
    assert found.dtype == object
    assert found.shape == (2,)
    assert found[0] == expected
    assert found[1] == type(expected)()
    assert targets.attributes == {"target_vocabulary_": {"a": 1, "b": 2}}


def test_targets_that_are_refused():
    targets = SequenceTargets(**COMMON)
    with pytest.raises(ValueError, match="requires y to be passed"):
        targets.learn(None, None)
    with pytest.raises(ValueError, match="expected one weight for each sample"):
        targets.learn(["a"], np.ones((1, 2)))
    targets.learn(["ab"], None)
    with pytest.raises(ValueError, match="y: sequence 0 has the token 'x'"):
        targets.read(["x"])


def finished(X, y, rows=None, **options):
    reader, targets = SourceReader(**COMMON, **options), SequenceTargets(**COMMON)
    examples = Examples(reader.learn(X), rows, targets.learn(y, None))
    return reader, reader.finish(examples)


def test_the_greatest_length_is_learned_from_sources_that_are_not_longer():
    reader, examples = finished(["a", "aaa", "aa", "aaaa"], ["bb", "b" * 7, "bbb", "b"])
    assert reader.longest.tolist() == [0, 2, 3, 7, 7]
    assert reader.limits(torch.tensor([1, 2, 3, 4])).tolist() == [14, 16, 24, 24]
    assert reader.limits(torch.tensor([8])).tolist() == [38]  # twice as long as all in fit: twice as much
    assert examples.samples.extents.argsort().tolist() == [0, 2, 1, 3]


def test_samples_without_weight_do_not_count_for_the_greatest_length():
    reader, _ = finished(["a", "aaa"], ["bb", "b" * 7], rows=torch.tensor([0]))
    assert reader.longest.tolist() == [0, 2]


def test_a_given_greatest_length_is_kept():
    reader, _ = finished(["a", "aaa"], ["bb", "b" * 7], max_length=5)
    assert reader.limits(torch.tensor([1, 9])).tolist() == [5, 5]
