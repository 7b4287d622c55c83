"""Convolution blocks of all members: outputs, gradients and running statistics are those of each network by itself."""

import copy

import pytest
import torch
from torch import nn

from sklearn_ann.layers import BatchNorm, ConvolutionBlock, ConvolutionLayer, block_of, blocks_in, norm_of, norms_in


def tensors(module):
    return [*module.parameters(), *module.buffers()]


def as_stack(modules):
    template = copy.deepcopy(modules[0])
    pairs = zip(tensors(template), *(tensors(module) for module in modules), strict=True)
    whole = {id(own): torch.stack([*each]).detach().clone() for own, *each in pairs}
    for parameter in template.parameters():
        whole[id(parameter)].requires_grad_()
    return template, lambda tensor: whole[id(tensor)], list(whole.values())


def assert_equal_to_alone(modules, forward, whole, x, weight=None):
    y = torch.vmap(forward)(x) if weight is None else torch.vmap(forward)(x, weight)
    y.square().sum().backward()
    alone = x.detach().clone().requires_grad_()
    for member, module in enumerate(modules):
        for part in module.modules():
            if isinstance(part, BatchNorm):
                part.sample_weight = None if weight is None else weight[member]
        own = module(alone[member]) if isinstance(module, BatchNorm) else module(alone[member], None)[0]
        torch.testing.assert_close(y[member], own)
        own.square().sum().backward()
        for each, tensor in zip(whole, tensors(module), strict=True):
            if tensor.requires_grad:
                torch.testing.assert_close(each.grad[member], tensor.grad)
            else:
                torch.testing.assert_close(each[member], tensor)
    torch.testing.assert_close(x.grad, alone.grad)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("size", "width", "pool"), [((12,), 3, 2), ((11,), 4, 3), ((7, 6), 3, 2), ((6, 5), 2, 1)])
@pytest.mark.parametrize(("pooling", "normalization", "place"), [("max", "batch", True), ("mean", None, False)])
def test_blocks(size, width, pool, pooling, normalization, place, training, weighted):
    torch.manual_seed(0)
    modules = [
        ConvolutionBlock(
            3,
            ConvolutionLayer(5, width, pool),
            len(size),
            pooling=pooling,
            normalization=normalization,
            residual=False,
            size=size if place else None,
            position_bias=0.5,
        )
        .double()
        .train(training)
        for _ in range(3)
    ]
    template, weights_of, whole = as_stack(modules)
    (block,) = blocks_in(template)
    forward = block_of(block, weights_of)
    x = torch.randn(3, 4, 3, *size, dtype=torch.float64).requires_grad_()
    if not (weighted and normalization):
        assert_equal_to_alone(modules, lambda own: forward(own, None)[0], whole, x)
        return
    weight = 0.5 + torch.rand(3, 4, dtype=torch.float64)

    def weighed(own, of_own):
        block.norm.sample_weight = of_own
        return forward(own, None)[0]

    assert_equal_to_alone(modules, weighed, whole, x, weight)


def test_normalisation_outside_of_a_block():
    modules = [BatchNorm(3, affine=False).double() for _ in range(2)]
    template, weights_of, whole = as_stack(modules)
    (norm,) = norms_in(template)
    x = torch.randn(2, 4, 3, 5, dtype=torch.float64).requires_grad_()
    assert_equal_to_alone(modules, norm_of(norm, weights_of), whole, x)


def test_samples_of_other_sizes_are_refused():
    block = ConvolutionBlock(1, ConvolutionLayer(1, 3), 1, pooling="max", normalization="batch", residual=False)
    with pytest.raises(ValueError, match="of one size"):
        block_of(block, lambda tensor: tensor)(torch.zeros(2, 1, 3), torch.tensor([[3], [2]]))
    with pytest.raises(ValueError, match="of one size"):
        norm_of(BatchNorm(1), lambda tensor: tensor)(torch.zeros(2, 1, 3), torch.ones(2, 3, dtype=bool))


def test_blocks_with_shortcuts_are_left_to_themselves():
    layer = ConvolutionLayer(4, 3)
    plain, residual, of_layers = (
        ConvolutionBlock(4, layer, 1, pooling="max", normalization=how, residual=residual)
        for how, residual in (("batch", False), ("batch", True), ("layer", False))
    )
    assert [*blocks_in(nn.ModuleList([plain, residual, of_layers]))] == [plain]
