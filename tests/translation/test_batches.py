import torch

from sklearn_ann.reading.tokens import TokenSamples
from sklearn_ann.training import Batch, Settings
from sklearn_ann.training.data import Rows
from sklearn_ann.translation.batches import PaddedSamples, PairedSamples, TeacherForcing
from sklearn_ann.translation.targets import sequence_error
from sklearn_ann.translation.transformer import Transformer


def samples(*lengths):
    starts = torch.tensor([0, *lengths]).cumsum(0)
    return TokenSamples(torch.arange(int(starts[-1])), starts)


def test_padding_depends_on_the_sample_alone():
    padded = PaddedSamples(samples(1, 4, 5, 32, 33, 100))
    assert padded.widths.tolist() == [4, 4, 8, 32, 40, 112]
    assert padded.multiple == Rows.multiple
    batch = padded[torch.tensor([0, 1])]
    assert batch.codes.shape == (2, 4)
    assert batch.lengths.tolist() == [1, 4]  # a mask, also where none is needed


def test_chunks_are_of_one_width_and_hold_all_samples_once():
    lengths = torch.randint(1, 60, (2000,), generator=torch.Generator().manual_seed(0))
    padded = PaddedSamples(samples(*lengths.tolist()))
    for n_beams in (1, 8):
        chunks = padded.chunks(n_beams)
        assert sorted(torch.cat(chunks).tolist()) == list(range(2000))
        assert all(len(padded.widths[chunk].unique()) == 1 for chunk in chunks)
        assert max(map(len, chunks)) <= 512
    assert len(padded.chunks(8)) > len(padded.chunks(1))


def test_pairs_are_batches_of_both():
    pairs = PairedSamples(samples(1, 2), samples(3, 1))
    source, target = pairs[torch.tensor([1, 0])]
    assert len(pairs) == 2
    assert source.lengths.tolist() == [2, 1]
    assert target.lengths.tolist() == [1, 3]


def test_labels_are_smoothed_in_training_alone():
    torch.manual_seed(0)
    network = Transformer(5, 5, 8, n_layers=1, n_heads=1, dropout=0.0)
    settings = Settings(1, None, 1e-12, "constant", "adamw", 0.0, None, 1, 0.0, "float32")
    step = TeacherForcing(network, sequence_error, settings, 0.2)
    codes = samples(3)[torch.tensor([0])]
    batch = Batch(codes, codes, None, 1)
    step.switch(training=True)
    smoothed = step.train(batch)["loss"]
    step.switch(training=False)
    with torch.no_grad():
        plain = step.validate(batch)["loss"]
        logits = network(codes, codes)
    assert torch.isclose(plain, sequence_error(0.0, logits, codes)[0])
    assert torch.isclose(smoothed, sequence_error(0.2, logits, codes)[0])
