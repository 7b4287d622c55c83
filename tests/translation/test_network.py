import pytest
import torch

from sklearn_ann.reading.tokens import TokenBatch
from sklearn_ann.translation.network import ContextEmbedding, CrossAttention, Forgetting, mask_of, shifted
from sklearn_ann.translation.recurrent import RecurrentTranslator
from sklearn_ann.translation.transformer import Transformer

NETWORKS = [RecurrentTranslator, Transformer]


def network(kind, **options):
    torch.manual_seed(0)
    settings = {"n_layers": 2, "n_heads": 3, "dropout": 0.3} | options
    return kind(7, 5, 10, **settings).double().eval()


def batch(n=3, length=6, highest=7, seed=0):
    return torch.randint(highest, (n, length), generator=torch.Generator().manual_seed(seed))


def test_targets_are_moved_one_place_on():
    assert shifted(torch.tensor([[3, 4, 0]])).tolist() == [[0, 3, 4]]


def test_a_window_adds_the_vectors_of_neighbours_and_nothing_at_the_ends():
    embedding = ContextEmbedding(5, 2, 1, 1)
    left, middle, right = embedding.vectors.detach().unbind(dim=1)
    found = embedding(torch.tensor([[1, 2, 3]]))[0]
    assert torch.allclose(found[1], left[1] + middle[2] + right[3])
    assert torch.allclose(found[0], middle[1] + right[2])
    assert torch.allclose(found[2], left[2] + middle[3])
    padded = embedding(torch.tensor([[1, 2, 3]]), torch.tensor([[True, True, False]]))[0]
    assert torch.allclose(padded[1], left[1] + middle[2])
    assert embedding(torch.tensor([[4]])).shape == (1, 1, 2)
    plain = ContextEmbedding(5, 2, 0, 0)
    assert torch.equal(plain(torch.tensor([[4]]))[0, 0], plain.vectors[4, 0])


def test_forgetting_replaces_a_share_in_training_alone():
    codes = torch.zeros(100, 100, dtype=torch.int64)
    layer = Forgetting(5, 0.1).train()
    layer.generator = torch.Generator().manual_seed(0)
    assert 0.08 < float((layer(codes) == 5).float().mean()) < 0.12
    assert torch.equal(layer.eval()(codes), codes)
    assert torch.equal(Forgetting(None, 0.1).train()(codes), codes)


def test_cross_attention_ignores_what_does_not_exist():
    torch.manual_seed(0)
    layer = CrossAttention(10, 3)
    x, states = torch.randn(2, 4, 10), torch.randn(2, 5, 10)
    mask = torch.arange(5) < torch.tensor([[3], [5]])
    maps = []
    found = layer(x, *layer.prepare(states), mask)
    assert torch.allclose(found, layer(x, *layer.prepare(states), mask, maps), atol=1e-6)
    assert maps[0].shape == (2, 3, 4, 5)
    assert (maps[0][0, :, :, 3:] == 0).all()
    alone = layer(x[:1], *layer.prepare(states[:1, :3]), None)
    assert torch.allclose(found[:1], alone, atol=1e-6)


@pytest.mark.parametrize("kind", NETWORKS)
def test_padding_is_never_seen(kind):
    net, codes, target = network(kind), batch(), TokenBatch(batch(3, 4, 5), None)
    lengths = torch.tensor([6, 2, 1])
    together = net(TokenBatch(codes, lengths), target)
    assert torch.allclose(net.features(TokenBatch(codes, lengths))[2], net(TokenBatch(codes[2:, :1], None))[0])
    for row, length in enumerate(lengths.tolist()):
        alone = net(TokenBatch(codes[row : row + 1, :length], None), TokenBatch(target.codes[row : row + 1], None))
        assert torch.allclose(together[row], alone[0])


@pytest.mark.parametrize("kind", NETWORKS)
def test_no_token_sees_a_later_one_or_itself(kind):
    net, source, target = network(kind), TokenBatch(batch(), None), batch(3, 4, 5)
    before = net(source, TokenBatch(target, None))
    changed = target.clone()
    changed[:, 2] = (changed[:, 2] + 1) % 5
    after = net(source, TokenBatch(changed, None))
    assert torch.allclose(before[:, :3], after[:, :3])
    assert not torch.allclose(before[:, 3], after[:, 3])


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("n_beams", [1, 3])
def test_token_by_token_is_the_same_as_all_at_once(kind, n_beams):
    net, target = network(kind), batch(2, 5, 5)
    source = TokenBatch(batch(2), torch.tensor([6, 4]))
    expected = net.decode(net.encode(source), shifted(target))
    cache = net.begin(source, n_beams)
    for place, tokens in enumerate(shifted(target).T):
        found = net.advance(tokens[:, None].expand(2, n_beams), cache)
        assert found.shape == (2, n_beams, 5)
        for beam in range(n_beams):
            assert torch.allclose(found[:, beam], expected[:, place])


@pytest.mark.parametrize("kind", NETWORKS)
def test_attention_sums_to_one_over_the_source(kind):
    net = network(kind)
    source = TokenBatch(batch(), torch.tensor([6, 2, 1]))
    maps = net.attention(source, TokenBatch(batch(3, 4, 5), None))
    n_layers = 2 if kind is RecurrentTranslator else 1
    assert maps.shape == (3, n_layers, 3, 4, 6)
    assert torch.allclose(maps.sum(dim=-1), torch.ones(3, n_layers, 3, 4, dtype=torch.float64))
    assert (maps[1, ..., 2:] == 0).all()


@pytest.mark.parametrize("kind", NETWORKS)
def test_the_unknown_token_is_learned(kind):
    net = network(kind, unknown=6).train()
    for module in net.modules():
        if hasattr(module, "generator"):
            module.generator = torch.Generator().manual_seed(0)
    source = TokenBatch(batch(200, 6, 6), None)  # without the unknown token
    net(source, TokenBatch(batch(200, 4, 5), None)).sum().backward()
    assert net.source.vectors.grad[6].abs().sum() > 0


def test_a_mask_is_made_where_lengths_differ():
    assert mask_of(TokenBatch(batch(), None)) is None
    assert mask_of(TokenBatch(batch(2, 3), torch.tensor([1, 3]))).tolist() == [[True, False, False], [True] * 3]
