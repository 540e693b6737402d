"""What a model of 8 bits does not do, and what cannot be made one, is refused by name."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoModel, AutoModelForSequenceClassification, Trainer, TrainingArguments

import hf_rnn
from hf_rnn import HfRnnInt8Config, quantize
from hf_rnn.quantization.replacing import int8_modules
from tests.models.common import configure


IDS = torch.tensor([[3, 4, 5], [8, 9, 0]])


def make(variant: str = "bilstm", auto: type = AutoModelForSequenceClassification, **options):
    torch.manual_seed(1)
    return auto.from_config(configure(variant, embedding_size=12, hidden_size=8, **options)).eval()


def test_training_is_refused(tmp_path):
    model = quantize(make())
    assert not any(parameter.requires_grad for parameter in model.parameters())
    with pytest.raises(ValueError, match=r"`model\.train\(\)` was called"):
        model.train()(input_ids=IDS)
    model.eval()
    embeds = torch.randn(2, 3, 12, requires_grad=True)
    with pytest.raises(ValueError, match="`requires_grad` is True of what a layer of 8 bits reads"):
        model(inputs_embeds=embeds)
    with torch.no_grad():
        assert model(inputs_embeds=embeds).logits.shape == (2, 3)
    with pytest.raises(ValueError, match="quantized"):
        Trainer(model, TrainingArguments(str(tmp_path), report_to=[]))
    with pytest.raises(ValueError, match="quantized"):
        hf_rnn.RecurrentTrainer(model, hf_rnn.RecurrentTrainingArguments(str(tmp_path)))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_another_type_is_refused(dtype):
    model = quantize(make())
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(ValueError, match=f"`dtype` is {dtype}; a model of 8 bits computes in torch.float32"):
        model.to(dtype)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    with pytest.raises(ValueError, match=f"`inputs_embeds` is {dtype}"):
        model(inputs_embeds=torch.randn(2, 3, 12, dtype=dtype))
    cell = model.model.layers[0].cell
    with pytest.raises(ValueError, match=f"`cache` is {dtype}; a layer of 8 bits reads torch.float32"):
        state = (torch.zeros(2, 2, 8), torch.zeros(2, 2, 8, dtype=dtype))
        cell(torch.randn(2, 3, 12), hf_rnn.models.steps.Steps.of(IDS != 0, 2), state)
    with pytest.raises(ValueError, match=f"`model` has weights of {dtype}"):
        quantize(make().to(dtype))


def test_a_model_of_another_type_is_loaded_as_float32(tmp_path):
    make().to(torch.bfloat16).save_pretrained(tmp_path)
    loaded = AutoModelForSequenceClassification.from_pretrained(tmp_path, quantization_config=HfRnnInt8Config())
    assert {tensor.dtype for tensor in loaded.state_dict().values()} == {torch.int8, torch.float32}
    loaded(input_ids=IDS)


def test_autocast_leaves_a_layer_in_its_precision():
    model = quantize(make())
    with torch.autocast("cpu", torch.bfloat16):
        states = model.model(input_ids=IDS).last_hidden_state
    assert torch.equal(states, model.model(input_ids=IDS).last_hidden_state)


def test_twice_is_refused():
    model = quantize(make())
    with pytest.raises(ValueError, match=r"`model` is quantized already \(hf_rnn_int8\)"):
        quantize(model)


@pytest.mark.parametrize(
    ("variant", "options"),
    [("dan", {}), ("gru", {"reset_after": False}), ("elman", {"recurrence": "output_to_hidden"})],
)
def test_a_model_without_such_a_layer_is_refused_and_stays_as_it_is(variant, options):
    model = make("elman-tanh" if variant == "elman" else variant, **options)
    with pytest.raises(ValueError, match="without a recurrent layer that has a kernel of 8 bits"):
        quantize(model)
    assert not int8_modules(model)
    assert not hasattr(model.config, "quantization_config")
    model.train()(input_ids=IDS).logits.sum().backward()


def test_a_weight_that_is_no_number_is_named_and_nothing_is_changed():
    model = make()
    model.model.embeddings.word_embeddings.weight.data[3, 1] = float("nan")
    with pytest.raises(ValueError, match=r"`model\.embeddings\.word_embeddings\.weight` has numbers that are NaN"):
        quantize(model)
    assert not int8_modules(model)


def test_what_is_no_model_is_refused():
    with pytest.raises(ValueError, match="`model` is a Linear; it must be a model of transformers"):
        quantize(torch.nn.Linear(2, 2))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"embeddings": "yes"}, "`embeddings`='yes' must be True or False"),
        ({"quant_method": "gptq"}, "`quant_method`='gptq' must be 'hf_rnn_int8'"),
        ({"bits": 4}, "`bits` is no argument of HfRnnInt8Config"),
    ],
)
def test_another_configuration_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        HfRnnInt8Config(**arguments)


def test_inputs_of_another_size_are_refused():
    cell = quantize(make(auto=AutoModel)).layers[0].cell
    steps = hf_rnn.models.steps.Steps.of(IDS != 0, 2)
    with pytest.raises(ValueError, match="`inputs` has 5 features; the layer reads 12"):
        cell(torch.randn(2, 3, 5), steps)
    with pytest.raises(ValueError, match="`cache` holds"):
        cell(torch.randn(2, 3, 12), steps, (torch.zeros(2, 2, 8),))


def test_an_export_and_a_look_inside_are_refused():
    pytest.importorskip("onnx")
    from hf_rnn.export.graph_models import build_graph

    model = quantize(make())
    with pytest.raises(ValueError, match=r"`model` has weights of 8 bits \(hf_rnn_int8\)"):
        build_graph(model)
    with pytest.raises(ValueError, match="`model` has layers of 8 bits, which have no weights of floating point"):
        _ = model.model.layers[0].cell.one_step
