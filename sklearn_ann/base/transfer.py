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
    """Base of the networks with a body and a head: the body may come from elsewhere, and the head is always new.

    Networks without a head have none of these parameters. What an auto-encoder has learned, another of its kind goes on
    from with ``warm_start``, and a classifier or regressor begins from it.

    Parameters
    ----------
    init_from : FrozenEstimator, path, torch.nn.Module or None
        Where the network begins: a copy of the body of another fitted network, in a ``sklearn.frozen.FrozenEstimator``
        or a model file. Its hyper-parameters of the body and of reading samples are taken over, and samples are read as
        they were read there: the same columns, alphabet and scaling. Attention has its own `dropout` and `mutation`,
        which training alone uses, if they are not at their defaults. The head is new, so that classes and targets may
        be others. Several networks (`n_estimators`) begin from copies of the body, or from those of several networks. A
        torch module, in estimators that take one, is a body that maps a tensor to features. It counts in the first fit:
        ``partial_fit`` and a warm start go on from the estimator's own weights.

    freeze : {"none", "body"}, int or sequence of str
        Layers that do not learn: none, all of the body, a number of layers from the input on, or names of layers, which
        an error lists; ``"blocks"`` stands for ``"blocks.0"``, ``"blocks.1"`` and so on. The last layers of a source
        know its own classes and little else: for other classes, freeze the first ones. Frozen layers keep the
        statistics of their normalisation and have no dropout. With ``"body"`` there is no augmentation either: each
        sample goes through the body once, before the first epoch, and the epochs train the head alone.

    unfreeze_every : int or None
        Number of epochs after which one more of the frozen layers learns, the one nearest to the head first (Howard and
        Ruder 2018, section 3.3). Epochs of earlier fits count. None leaves all frozen.

    body_learning_rate : float
        Learning rate of the body, as a multiple of `learning_rate`.

    layer_learning_rates : float, dict or None
        Learning rates of single layers, as further multiples. A float is the ratio of the rates of a layer and of the
        one after it, up to the head (Howard and Ruder 2018, section 3.2, take 1 / 2.6). A dict has names of layers, as
        in `freeze`, and ``"head"``; of ``"blocks"`` and ``"blocks.0"``, the longer name counts.
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
        networks = self.module_.parts
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
