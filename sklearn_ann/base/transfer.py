"""The hyper-parameters of networks that begin from what another one has learned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from torch import nn

from sklearn_ann import training
from sklearn_ann.base.estimator import NeuralEstimator
from sklearn_ann.base.parameters import NonNegativeInt, PositiveFloat, PositiveInt
from sklearn_ann.base.plan import Plan
from sklearn_ann.base.sources import Source, body_parameters
from sklearn_ann.layers import SupervisedNetwork


class TransferEstimator(NeuralEstimator):
    """Base of the networks with a body and a head. The body may be copied from another network; the head is new.

    Networks without a head, such as auto-encoders, do not have these parameters. An auto-encoder continues from its own
    weights with ``warm_start``, and a classifier or regressor can start from its encoder.

    Parameters
    ----------
    init_from : FrozenEstimator, path, torch.nn.Module or None
        Source of the initial weights: a fitted network in a ``sklearn.frozen.FrozenEstimator``, or a model file. The
        body of the source, all layers except the last one, is copied; the head, the last layer, is new, so that classes
        and targets may differ. The hyper-parameters of the body and of the reading of samples are those of the source,
        as are columns, alphabet and scaling. Attention may set its own `dropout` and `mutation`, which only training
        uses. With `n_estimators`, each network starts from a copy of the body, or from one of several bodies of the
        source. Some estimators also take a torch module that maps a tensor to features. `init_from` is used in the
        first fit; ``partial_fit`` and a warm start continue from the weights of the estimator.

    freeze : {"none", "body"}, int or sequence of str
        Layers that do not learn: no layer, the whole body, the given number of layers from the input on, or the named
        layers. ``"blocks"`` stands for ``"blocks.0"``, ``"blocks.1"`` and so on; the error for an unknown name lists
        the names. For other classes than those of the source, freeze the first layers, because the last layers
        represent the classes of the source. Frozen layers keep the statistics of their normalisation and have no
        dropout. With ``"body"``, there is no augmentation: each sample passes through the body once, before the first
        epoch, and the epochs train only the head.

    unfreeze_every : int or None
        Number of epochs after which one more of the frozen layers learns, starting with the layer nearest to the head
        (Howard and Ruder 2018, section 3.3). Epochs of earlier fits count. With None, frozen layers remain frozen.

    body_learning_rate : float
        Learning rate of the body, as a multiple of `learning_rate`.

    layer_learning_rates : float, dict or None
        Learning rates of single layers, as further multiples. A float is the ratio of the learning rates of each layer
        and the next layer, up to the head (Howard and Ruder 2018, section 3.2, use 1 / 2.6). A dict has names of
        layers, as in `freeze`, and ``"head"``. If two names match a layer, such as ``"blocks"`` and ``"blocks.0"``, the
        longer one counts.
    """

    init_from: Any = None
    freeze: Literal["none", "body"] | NonNegativeInt | list | tuple = "none"
    unfreeze_every: PositiveInt | None = None
    body_learning_rate: PositiveFloat = 1.0
    layer_learning_rates: PositiveFloat | dict | None = None

    _begins_from: ClassVar[Mapping[str, str]] = {}
    """Kinds of bodies that it can begin from besides its own, and what messages call them."""
    _of_noise: ClassVar[tuple[str, ...]] = ()
    """The hyper-parameters of its own body that training alone uses: a fit may set them to others than the source."""
    _of_reader: ClassVar[tuple[str, ...]] = ()
    """The hyper-parameters of its reader, which hold for the body of a torch module."""

    def _source(self) -> Source:
        """Return what this fitted estimator hands on."""
        kept: Any = self.resolved_parameters_
        networks: Any = self.module_.parts
        return Source(
            owner=type(self).__name__,
            kind=type(self)._body,
            bodies=[network.body for network in networks],
            n_features=networks[0].n_features,
            reader=self.reader_,
            parameters={name: kept[name] for name in body_parameters(self, _SHARED)},
        )

    def _body_parameters(self) -> list[str]:
        return body_parameters(self, _SHARED)

    def _new_network(self, plan: Plan, going_on: bool) -> nn.Module:
        module = super()._new_network(plan, going_on)
        if plan.taken is not None and isinstance(module, SupervisedNetwork):  # a copy, with the noise of another fit
            for network in module.parts:
                self._set_noise(network.body, plan)
        return module

    def _set_noise(self, body: nn.Module, plan: Plan) -> None:
        """Put the hyper-parameters `_of_noise` into a body that was built for another fit."""

    def _new_step(self, plan: Plan, module: nn.Module, error: training.Error) -> training.Step:
        if plan.frozen_body and plan.targets is not None and plan.targets.of_samples:
            return training.HeadStep(module, error, plan.settings)
        return super()._new_step(plan, module, error)


_SHARED = TransferEstimator._parameter_constraints
