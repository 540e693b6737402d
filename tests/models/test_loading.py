"""Folders: what is in them, and that they load, with the package and without it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoModel, AutoModelForSequenceClassification, AutoModelForTokenClassification, pipeline

from hf_rnn.data.tokenizers.training import train_tokenizer
from hf_rnn.models.state_name import STATE_NAME
from tests.models.common import (
    HEADS,
    RECURRENT,
    TAGS,
    VARIANTS,
    assert_close,
    batch_of,
    build,
    build_language_model,
    build_tagger,
    configure,
    sentences,
)


TEXTS = ["a fine film", "dull , dull , dull", "not a bad film at all", "fine", ""]
# What a folder must carry to run without the package.
CODE_FILES = {
    "truncated_bptt.py",
    "wide.py",
    "backbone.py",
    "cache_rnn.py",
    "cell.py",
    "cells.py",
    "char_encoder.py",
    "configuration_checks.py",
    "configuration_recurrent.py",
    "configuration_rnn.py",
    "configuration_series.py",
    "crf.py",
    "crf_forward.py",
    "embeddings.py",
    "generation_rnn.py",
    "heads.py",
    "label_threshold.py",
    "linear_cross_entropy.py",
    "losses.py",
    "token_reader.py",
    "looks.py",
    "token_scores.py",
    "modeling_causal.py",
    "modeling_rnn.py",
    "modeling_series.py",
    "paths.py",
    "placed.py",
    "pooling.py",
    "recurrent.py",
    "scan.py",
    "sampled_softmax.py",
    "series_inputs.py",
    "series_scaling.py",
    "state_name.py",
    "steps.py",
    "tagging.py",
    "word_embeddings.py",
    "tracing.py",
    "weight_files.py",
    "words.py",
}


@pytest.mark.parametrize("auto_class", [AutoModel, AutoModelForSequenceClassification])
@pytest.mark.parametrize("variant", VARIANTS)
def test_round_trip(variant, auto_class, tmp_path):
    model = build(variant, head=auto_class is not AutoModel, num_hidden_layers=2, pooling="attention")
    model.save_pretrained(tmp_path)
    # With the package imported no `trust_remote_code` is needed.
    loaded = auto_class.from_pretrained(tmp_path)
    assert type(loaded) is type(model) and not loaded.training
    assert type(loaded.config) is type(model.config)
    assert loaded.dtype == torch.float64
    batch, _ = batch_of(sentences(), "left")
    # Not bit for bit: BLAS rounds by where in memory a matrix lies.
    assert_close(loaded(**batch)[0], model(**batch)[0])
    again = type(model).from_pretrained(tmp_path)
    assert_close(again(**batch)[0], model(**batch)[0])


@pytest.mark.parametrize("words", [False, True])
@pytest.mark.parametrize("head", HEADS)
def test_round_trip_of_a_tagger(head, words, tmp_path):
    model = build_tagger("bilstm", head, words)
    model.save_pretrained(tmp_path)
    loaded = AutoModelForTokenClassification.from_pretrained(tmp_path)
    assert type(loaded) is type(model) and loaded.dtype == torch.float64
    # What follows from the labels is in no file, and there right after loading.
    buffers = dict(loaded.named_buffers())
    assert buffers.keys() == dict(model.named_buffers()).keys()
    for name, buffer in model.named_buffers():
        assert torch.equal(buffers[name], buffer), name
    assert {"head.state_labels", "head.inside_labels"} == {name for name in buffers if name.endswith("_labels")}
    assert not any(name.endswith(("_labels", "_allowed")) for name in loaded.state_dict())
    batch, _ = batch_of(sentences(), "left")
    assert_close(loaded(**batch).logits, model(**batch).logits)
    backbone = AutoModel.from_pretrained(tmp_path)
    assert_close(backbone(**batch).last_hidden_state, model.model(**batch).last_hidden_state)


@pytest.mark.parametrize("scheme", ["bio", "bioes"])
def test_other_labels_bring_their_own_rules(scheme, tmp_path):
    build_tagger("gru", scheme).save_pretrained(tmp_path)
    tags = ["B-X", "O", "I-X", "I-Y", "B-Y"]
    names = {"id2label": dict(enumerate(tags)), "label2id": {tag: index for index, tag in enumerate(tags)}}
    loaded = AutoModelForTokenClassification.from_pretrained(tmp_path, **names, ignore_mismatched_sizes=True)
    fresh = type(loaded)(loaded.config)
    assert [loaded.config.id2label[index] for index in range(5)] == tags and loaded.num_labels == 5
    for name, buffer in fresh.head.named_buffers():
        assert torch.equal(loaded.head.get_buffer(name), buffer), name
    for name in ("start", "transition", "end"):
        parameter = getattr(loaded.head.crf, name)
        assert parameter.shape == getattr(fresh.head.crf, name).shape and parameter.abs().max() <= 0.1
    logits = loaded(torch.tensor([[1, 3, 5]])).logits
    assert (logits[0, 0, [2, 3]] < -9000).all() and torch.isfinite(logits).all()


def test_labels_in_another_order_with_the_same_sizes_bring_their_own_rules(tmp_path):
    build_tagger("gru", "bio").save_pretrained(tmp_path)
    tags = TAGS[::-1]
    names = {"id2label": dict(enumerate(tags)), "label2id": {tag: index for index, tag in enumerate(tags)}}
    loaded = AutoModelForTokenClassification.from_pretrained(tmp_path, **names)
    assert loaded.head.crf.start_allowed.tolist() == [tag != "I-A" for tag in tags]


@pytest.mark.parametrize("variant", VARIANTS)
def test_backbone_and_head_load_from_each_other(variant, tmp_path):
    model = build(variant)
    model.save_pretrained(tmp_path / "head")
    backbone = AutoModel.from_pretrained(tmp_path / "head")
    backbone.save_pretrained(tmp_path / "backbone")
    head = AutoModelForSequenceClassification.from_pretrained(tmp_path / "backbone")
    batch, _ = batch_of(sentences(), "right")
    wanted = model.model(**batch).pooler_output
    assert torch.equal(backbone(**batch).pooler_output, wanted)
    assert torch.equal(head.model(**batch).pooler_output, wanted)


@pytest.mark.parametrize("head", [False, True])
def test_a_folder_carries_its_code_and_names_every_class(head, tmp_path):
    build("gru", head=head).save_pretrained(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert {name for name in names if name.endswith(".py")} == CODE_FILES
    assert names - CODE_FILES == {"config.json", "model.safetensors"}
    assert json.loads((tmp_path / "config.json").read_text())["auto_map"] == {
        "AutoConfig": "configuration_rnn.GruConfig",
        "AutoModel": "modeling_rnn.GruModel",
        "AutoModelForCausalLM": "modeling_rnn.GruForCausalLM",
        "AutoModelForSequenceClassification": "modeling_rnn.GruForSequenceClassification",
        "AutoModelForTokenClassification": "modeling_rnn.GruForTokenClassification",
    }


@pytest.mark.parametrize("config_dtype", ["float32", "float16"])
def test_the_dtype_in_the_config_is_the_one_that_loads(config_dtype, tmp_path):
    model = build("bilstm").half()
    model.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["dtype"] == "float16"
    (tmp_path / "config.json").write_text(json.dumps({**config, "dtype": config_dtype}))
    loaded = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    assert loaded.dtype == getattr(torch, config_dtype)
    for name, weight in loaded.state_dict().items():
        assert torch.equal(weight, model.state_dict()[name].to(weight.dtype))


# Tokens that a tagger is asked about.
IDS = [[1, 2, 3, 5, 6], [7, 8, 9, 10, 12]]
# Runs where hf_rnn cannot be imported: asks each folder and a copy that it saves itself, answers in a JSON file.
STRANGER = """
import json, sys
import torch
from transformers import (
    AutoModel, AutoModelForCausalLM, AutoModelForSequenceClassification, AutoModelForTokenClassification,
    AutoTokenizer, pipeline
)

sys.modules["hf_rnn"] = None  # an import of it fails, also where it is installed
try:
    import hf_rnn
except ImportError:
    pass
else:
    raise SystemExit("hf_rnn can be imported: this test would prove nothing")


@torch.no_grad()
def ask(folder, tokenizer, texts):
    tokens = AutoTokenizer.from_pretrained(tokenizer)(texts, padding=True, return_tensors="pt")
    model = AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=True)
    backbone = AutoModel.from_pretrained(folder, trust_remote_code=True)
    classify = pipeline(
        "text-classification", model=folder, tokenizer=tokenizer, trust_remote_code=True, top_k=None
    )
    return model, {
        "classes": [type(model).__name__, type(backbone).__name__, type(model).__module__.split(".")[0]],
        "logits": model(**tokens).logits.tolist(),
        "pooled": backbone(**tokens).pooler_output.tolist(),
        "answers": classify(texts),
    }


@torch.no_grad()
def tag(folder):
    model = AutoModelForTokenClassification.from_pretrained(folder, trust_remote_code=True)
    name = type(model).__module__.split(".")[0]
    return model, {"classes": [type(model).__name__, name], "logits": model(torch.tensor(IDS)).logits.tolist()}


def write(folder):
    model = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True)
    name = type(model).__module__.split(".")[0]
    written = model.generate(torch.tensor(IDS), max_new_tokens=5, num_beams=2)
    return model, {"classes": [type(model).__name__, name], "written": written.tolist()}


folders, texts, answer = json.loads(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3]
found = {}
*folders, tagger, writer = folders
for folder, run in ((tagger, tag), (writer, write)):
    model, first = run(folder)
    model.save_pretrained(folder + "-again")
    found[folder] = [first, run(folder + "-again")[1]]
for folder in folders:
    model, first = ask(folder, folder, texts)
    model.save_pretrained(folder + "-again")
    found[folder] = [first, ask(folder + "-again", folder, texts)[1]]
with open(answer, "w") as file:
    json.dump(found, file)
"""


def ask_a_stranger(folders: list[Path], cwd: Path) -> dict[str, list[dict[str, list]]]:
    """Ask a stranger what they find in each folder, the last two of which hold a tagger and a language model, and in
    its own copy.
    """
    cwd.mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"HF_HOME": str(cwd), "OMP_NUM_THREADS": "1"}
    arguments = [json.dumps([str(folder) for folder in folders]), json.dumps(TEXTS), "answer.json"]
    # -P: the current folder is not on the path.
    command = [sys.executable, "-P", "-c", STRANGER.replace("IDS", str(IDS)), *arguments]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads((cwd / "answer.json").read_text())


def assert_same_scores(actual: list, expected: list) -> None:
    for answers, wanted in zip(actual, expected, strict=True):
        assert [answer["label"] for answer in answers] == [answer["label"] for answer in wanted]
        scores = [answer["score"] for answer in answers]
        assert scores == pytest.approx([answer["score"] for answer in wanted], abs=1e-6)


def test_a_folder_runs_where_the_package_is_absent(tmp_path):
    tokenizer = train_tokenizer(TEXTS, kind="word", min_frequency=1, show_progress=False)
    # One of each cell; a process for all of them, as it takes seconds to start.
    models = {}
    for variant in ("bilstm", "gru-reset-before", "jordan", "dan"):
        folder = tmp_path / variant
        models[folder] = build(variant, vocab_size=len(tokenizer), pooling="attention").float()
        models[folder].save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    tokens = tokenizer(TEXTS, padding=True, return_tensors="pt")

    tagger, folder = build_tagger("bilstm", "bioes").float(), tmp_path / "tagger"
    tagger.save_pretrained(folder)
    writer = build_language_model("lstm", tie_word_embeddings=True).float()
    writer.save_pretrained(tmp_path / "writer")

    found = ask_a_stranger([*models, folder, tmp_path / "writer"], tmp_path / "elsewhere")
    for answer in found[str(tmp_path / "writer")]:
        assert answer["classes"] == ["LstmForCausalLM", "transformers_modules"]
        assert answer["written"] == writer.generate(torch.tensor(IDS), max_new_tokens=5, num_beams=2).tolist()
    for answer in found[str(folder)]:
        assert answer["classes"] == ["BiLstmForTokenClassification", "transformers_modules"]
        assert torch.allclose(torch.tensor(answer["logits"]), tagger(torch.tensor(IDS)).logits, rtol=1e-5, atol=1e-5)
    for folder, model in models.items():
        head, backbone = type(model).__name__, type(model).__name__.replace("ForSequenceClassification", "Model")
        expected = pipeline("text-classification", model=model, tokenizer=tokenizer, top_k=None)(TEXTS)
        for answer in found[str(folder)]:
            assert answer["classes"] == [head, backbone, "transformers_modules"]
            assert torch.allclose(torch.tensor(answer["logits"]), model(**tokens).logits, atol=1e-6)
            assert torch.allclose(torch.tensor(answer["pooled"]), model.model(**tokens).pooler_output, atol=1e-6)
            assert_same_scores(answer["answers"], expected)
        # What the stranger saved is as complete as what it was given.
        again = {path.name for path in Path(f"{folder}-again").iterdir()}
        assert again == CODE_FILES | {"config.json", "model.safetensors"}


@pytest.mark.parametrize("variant", RECURRENT)
def test_gradient_checkpointing_gives_the_same_gradients(variant):
    batch, _ = batch_of(sentences(), "holes")
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    results = []
    for checkpointing in (False, True):
        model = build(variant, num_hidden_layers=3, bidirectional=True, dropout=0.3).train()
        if checkpointing:
            model.activation_checkpointing_enable()
            assert all(layer.gradient_checkpointing for layer in model.model.layers)
        torch.manual_seed(7)
        loss = model(**batch, labels=labels, use_cache=True).loss
        results.append((loss, *torch.autograd.grad(loss, list(model.parameters()))))
    for plain, checkpointed in zip(*results, strict=True):
        assert torch.allclose(plain, checkpointed, atol=1e-12)
    assert max(gradient.abs().max() for gradient in results[0][1:]) > 1e-3


@pytest.mark.parametrize("head", [False, True])
@pytest.mark.parametrize("variant", VARIANTS)
def test_hidden_states(variant, head):
    model = build(variant, head=head, hidden_sizes=[4, 3, 2])
    backbone = model.model if head else model
    batch, _ = batch_of(sentences(), "right")
    every = model(**batch, output_hidden_states=True).hidden_states
    assert len(every) == len(backbone.layers) + 1
    assert model(**batch).hidden_states is None
    mask = batch["attention_mask"].unsqueeze(2)
    assert torch.equal(every[0], backbone.get_input_embeddings()(batch["input_ids"]) * mask)
    assert torch.equal(every[-1], backbone(**batch).last_hidden_state)
    wanted = {1, len(every) - 1} if len(every) > 1 else {0}
    some = model(**batch, output_hidden_states=[1, -1]).hidden_states
    assert {index for index, states in enumerate(some) if states is not None} == wanted
    assert all(torch.equal(some[index], every[index]) for index in wanted)


def test_outputs_as_a_tuple():
    batch, _ = batch_of(sentences(), "right")
    options = {"use_cache": True, "output_hidden_states": True}
    model = build("gru")
    outputs = model(**batch, labels=torch.tensor([0, 1, 2, 0, 1, 2]), **options)
    as_tuple = model(**batch, labels=torch.tensor([0, 1, 2, 0, 1, 2]), **options, return_dict=False)
    assert list(outputs) == ["loss", "logits", STATE_NAME, "hidden_states"]
    assert torch.equal(as_tuple[0], outputs.loss) and torch.equal(as_tuple[1], outputs.logits)
    assert len(as_tuple) == 4 and len(as_tuple[3]) == 2
    steps, pooled = build("gru", head=False)(**batch, return_dict=False)
    assert steps.shape == (6, 7, 4) and pooled.shape == (6, 4)


def test_the_backbone_of_a_config_is_its_own_class():
    model = AutoModel.from_config(configure("elman-relu"))
    assert type(model).__name__ == "ElmanModel"
    assert "trust_remote_code" not in model.config.to_dict()
