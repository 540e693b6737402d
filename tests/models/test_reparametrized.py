"""Weights that are made of others, or are no parameters: every model computes with what they are now, by every path,
and its gradients reach what they are made of.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.parallel import replicate
from torch.nn.utils import parametrizations, parametrize, prune, spectral_norm, weight_norm
from transformers import AutoModel

from hf_rnn import ConvEncoderConfig, ConvEncoderModel
from hf_rnn.models.paths import PATHS, recurrent_path
from tests.models.common import (
    RECURRENT,
    VARIANTS,
    assert_close,
    batch_of,
    build,
    build_language_model,
    build_tagger,
    forced_path,
    sentences,
)
from tests.models.siamese import build_siamese


Change = Callable[[nn.Module, str], Any]
Call = Callable[[nn.Module], torch.Tensor]
BATCH = batch_of(sentences([3, 5, 1, 4]), "right")[0]
TAG_LABELS = torch.tensor(
    [[0, -100, 1, -100, 0], [1, -100, -100, -100, 3], [0] + [-100] * 4, [3, -100, 0, -100, -100]]
)


class Twice(nn.Module):
    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return 2 * weight


def twice(module: nn.Module, name: str) -> None:
    parametrize.register_parametrization(module, name, Twice())


CHANGES: dict[str, Change] = {
    "prune": partial(prune.l1_unstructured, amount=0.5),
    "weight_norm by hooks": weight_norm,
    "spectral_norm by hooks": spectral_norm,
    "weight_norm": parametrizations.weight_norm,
    "spectral_norm": parametrizations.spectral_norm,
    "orthogonal": parametrizations.orthogonal,
    "another parametrization": twice,
}


def total_loss(model: nn.Module, **given: Any) -> torch.Tensor:
    loss: torch.Tensor = model(**BATCH, **given).loss
    return loss


def class_scores(model: nn.Module) -> torch.Tensor:
    found: torch.Tensor = model(**BATCH).logits
    return found


def siamese() -> nn.Module:
    return build_siamese(AutoModel, "bilstm", {"vocab_size": 13}).double()


def similarities(model: nn.Module) -> torch.Tensor:
    found: torch.Tensor = model(**BATCH, **PAIR).logits
    return found


def tags_and_scores(model: nn.Module) -> torch.Tensor:
    scored = model(**BATCH, labels=TAG_LABELS)
    return torch.cat([scored.logits.flatten(), scored.loss.flatten()])


def sampled_loss(model: nn.Module) -> torch.Tensor:
    model.config.sampled_softmax = 4
    model.lm_head.train()
    model.training = True
    torch.manual_seed(0)
    return total_loss(model, labels=BATCH["input_ids"])


def conv_encoder() -> nn.Module:
    torch.manual_seed(0)
    config = ConvEncoderConfig(
        image_size=12, hidden_sizes=[4, 5], kernel_sizes=[3, 2], pool_sizes=[2, 1], output_size=6
    )
    return ConvEncoderModel(config).double().eval()


def of_images(model: nn.Module) -> torch.Tensor:
    images = torch.rand(2, 1, 12, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    found: torch.Tensor = model(images).pooler_output
    return found


PAIR = {"input_ids_b": BATCH["input_ids"].flip(0), "attention_mask_b": BATCH["attention_mask"].flip(0)}

MODELS: dict[str, tuple[Callable[[], nn.Module], Call]] = {
    **{name: (partial(build, name, pooling="mean"), class_scores) for name in VARIANTS},
    "attention": (partial(build, "lstm", pooling="attention", classifier_hidden_sizes=[4]), class_scores),
    "tagger of words with a CRF": (partial(build_tagger, "bilstm", casing_features=True), tags_and_scores),
    "words spelt by an LSTM": (partial(build_tagger, "gru", "softmax", char_encoder="lstm"), tags_and_scores),
    "language model": (partial(build_language_model, "gru"), partial(total_loss, labels=BATCH["input_ids"])),
    "language model without logits": (
        partial(build_language_model, "lstm"),
        partial(total_loss, labels=BATCH["input_ids"], skip_logits=True),
    ),
    "language model by a sample": (partial(build_language_model, "lstm"), sampled_loss),
    "siamese": (siamese, similarities),
    "images": (conv_encoder, of_images),
}


def weights_of(model: nn.Module) -> Iterator[tuple[nn.Module, str, str]]:
    """Each matrix of the model: the module that has it, its name there, and the name in the model."""
    for prefix, module in list(model.named_modules()):
        for name, parameter in list(module.named_parameters(recurse=False)):
            if parameter.dim() > 1:
                yield module, name, f"{prefix}.{name}".lstrip(".")


def with_weights(base: nn.Module, effective: dict[str, torch.Tensor]) -> nn.Module:
    reference = copy.deepcopy(base)
    for name, weight in effective.items():
        reference.get_parameter(name).data.copy_(weight)
    return reference


def current(places: list[tuple[nn.Module, str, str]]) -> dict[str, torch.Tensor]:
    """The weights as they are now; those that hooks make, as a call makes them."""
    found = {}
    for module, name, full in places:
        for hook in module._forward_pre_hooks.values():
            hook(module, ())
        found[full] = getattr(module, name)
    return found


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("variant", RECURRENT)
def test_every_cell_computes_with_what_its_weights_are_made_of(variant: str, path: str, change: str) -> None:
    check(*MODELS[variant], CHANGES[change], path, lambda full: ".cell." in full)


@pytest.mark.parametrize("change", ["prune", "another parametrization"])
@pytest.mark.parametrize("kind", MODELS)
def test_every_weight_of_every_model_may_be_made_of_others(kind: str, change: str) -> None:
    check(*MODELS[kind], CHANGES[change], None, lambda full: True)


def check(
    make: Callable[[], nn.Module], call: Call, change: Change, path: str | None, chosen: Callable[[str], bool]
) -> None:
    """Two steps of training: the outputs are those of a plain model with the weights as they are, and the gradients of
    what they are made of are those of its weights, carried back by torch.
    """
    base = make()
    model = copy.deepcopy(base)
    places = [place for place in weights_of(model) if chosen(place[2])]
    for module, name, _ in places:
        change(module, name)
    model.eval()
    with forced_path(path) if path else recurrent_path(None):
        for _ in range(2):
            effective = current(places)
            reference = with_weights(base, {name: weight.detach() for name, weight in effective.items()})
            wanted = call(reference)
            wanted.square().sum().backward()
            own = [parameter for parameter in model.parameters() if parameter.requires_grad]
            carried = torch.autograd.grad(
                list(effective.values()),
                own,
                [reference.get_parameter(name).grad for name in effective],
                allow_unused=True,
            )
            found = call(model)
            assert_close(found, wanted)
            model.zero_grad()
            found.square().sum().backward()
            reached = 0
            for parameter, gradient in zip(own, carried, strict=True):
                if gradient is not None:
                    assert_close(parameter.grad, gradient)
                    reached += 1
            assert reached >= len(places)
            with torch.no_grad():
                for parameter in own:
                    if parameter.grad is not None:
                        parameter -= 0.1 * parameter.grad
            base = with_weights(base, {name: p for name, p in model.named_parameters() if name in base.state_dict()})


def test_the_weights_of_a_pruned_model_stay_when_pruning_is_made_permanent() -> None:
    model = build("bilstm")
    cell = model.model.layers[0].cell
    prune.l1_unstructured(cell, "weight_hh_l0", 0.5)
    pruned = model(**BATCH).logits
    prune.remove(cell, "weight_hh_l0")
    assert (cell.weight_hh_l0 == 0).float().mean() == 0.5
    assert_close(model(**BATCH).logits, pruned)
    assert set(model.state_dict()) == set(build("bilstm").state_dict())


class Adapted(nn.Module):
    """The wrapper of PEFT's `target_parameters`: the module is called with a parametrization on, which then goes."""

    def __init__(self, base_layer: nn.Module, name: str, rank: int = 2) -> None:
        super().__init__()
        self.base_layer, self.name = base_layer, name
        rows, columns = getattr(self.innermost(), name).shape
        self.a = nn.Parameter(torch.randn(rank, columns, dtype=torch.float64))
        self.b = nn.Parameter(torch.randn(rows, rank, dtype=torch.float64))

    def innermost(self) -> nn.Module:
        return self.base_layer.innermost() if isinstance(self.base_layer, Adapted) else self.base_layer

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        delta = self.b @ self.a

        class Added(nn.Module):
            def forward(self, weight: torch.Tensor) -> torch.Tensor:
                return weight + delta

        inner = self.innermost()
        parametrize.register_parametrization(inner, self.name, Added())
        try:
            return self.base_layer(*args, **kwargs)
        finally:
            parametrize.remove_parametrizations(inner, self.name, leave_parametrized=False)


@pytest.mark.parametrize("variant", RECURRENT)
@pytest.mark.parametrize("path", PATHS)
def test_a_module_around_a_cell_has_its_say(variant: str, path: str) -> None:
    torch.manual_seed(0)
    base = build(variant)
    names = [name for name in ("weight_hh_l0", "weight_ih_l0") if hasattr(base.model.layers[0].cell, name)]
    model = copy.deepcopy(base)
    layer = model.model.layers[0]
    wanted, adapters = {}, []
    for name in names:
        layer.cell = Adapted(layer.cell, name)
        adapters.append(layer.cell)
        full = f"model.layers.0.cell.{name}"
        wanted[full] = base.get_parameter(full) + (layer.cell.b @ layer.cell.a).detach()
    with forced_path(path):
        found = model(**BATCH).logits
        assert_close(found, with_weights(base, wanted)(**BATCH).logits)
    found.sum().backward()
    assert all(adapter.a.grad.abs().sum() > 0 and adapter.b.grad.abs().sum() > 0 for adapter in adapters)


def replicas_of(model: nn.Module, count: int, monkeypatch: pytest.MonkeyPatch) -> list[nn.Module]:
    """The replicas of `nn.DataParallel`, made by torch; the GPUs alone are imitated."""

    def broadcast(tensors: list[torch.Tensor], devices: list[int], detach: bool = False) -> list[list[torch.Tensor]]:
        return [[(one.detach() if detach else one).clone() for one in tensors] for _ in devices]

    # The package has a function of the module's name.
    module = sys.modules["torch.nn.parallel.replicate"]
    monkeypatch.setattr(module, "_broadcast_coalesced_reshape", broadcast)
    monkeypatch.setattr(module, "_get_device_index", lambda device, optional: device)
    return replicate(model, list(range(count)))


@pytest.mark.parametrize("kind", MODELS)
def test_replicas_of_data_parallel_compute_as_the_model(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make, call = MODELS[kind]
    model = make()
    wanted = call(model)
    wanted.sum().backward()
    gradients = {
        name: parameter.grad.clone() for name, parameter in model.named_parameters() if parameter.requires_grad
    }
    model.zero_grad()
    for replica in replicas_of(model, 2, monkeypatch):
        assert not list(replica.parameters())
        found = call(replica)
        assert_close(found, wanted)
        found.sum().backward()
        assert replica.dtype == torch.float64 and replica.device == torch.device("cpu")
    for name, gradient in gradients.items():
        assert_close(model.get_parameter(name).grad, 2 * gradient, name)


def test_replicas_of_a_parametrized_model_compute_as_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build("bilstm")
    parametrizations.weight_norm(model.model.layers[0].cell, "weight_hh_l0")
    wanted = model(**BATCH).logits
    for replica in replicas_of(model, 2, monkeypatch):
        assert_close(replica(**BATCH).logits, wanted)


def test_one_hot_inputs_have_the_type_of_a_replicas_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build("lstm", one_hot_input=True)
    for replica in replicas_of(model, 1, monkeypatch):
        assert_close(replica(**BATCH).logits, model(**BATCH).logits)
