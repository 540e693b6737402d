"""Encoder-decoders on a Hub: published by one who has hf_rnn, used by those who cannot import it, as the card says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi, ModelCard
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, MarianConfig, MarianMTModel, PreTrainedModel, pipeline

from hf_rnn.hub.publishing import publish
from hf_rnn.hub.staging import stage
from hf_rnn.runs.describe import describe_model
from hf_rnn.runs.kinds import KINDS
from hf_rnn.runs.results import write_results
from tests.export.sequences import SOURCES, save_sequence_model, word_tokenizer
from tests.fixtures.loopback import LoopbackHub
from tests.models.stranger import ask_a_stranger
from tests.publishing import ana_fixture, with_card  # noqa: F401  (`ana` is a fixture)
from tests.results_document import results_document


REPO = "ana/writer"
SIZES = {"layers": 1, "attention_heads": 2, "ffn_dim": 8}
METRICS = {"test": {"loss": 2.5, "bleu": 31.25, "chrf": 48.5}, "validation": {"loss": 2.25, "bleu": 32.75}}
TEXTS = [text for text in SOURCES if text]
# Options of `generate` that the pipeline passes on.
BEAMS = {"num_beams": 3, "num_return_sequences": 2, "max_new_tokens": 6, "do_sample": False}

# Auto classes and pipelines of a repository, by the code in it; `snippet` is what its card says.
STRANGER = """
import ast
from transformers import AutoConfig, AutoModel, AutoModelForSeq2SeqLM, AutoTokenizer, pipeline

remote = {"trust_remote_code": True} if given["remote"] else {}
tokenizer = AutoTokenizer.from_pretrained(given["repo"])
model = AutoModelForSeq2SeqLM.from_pretrained(given["repo"], **remote)
batch = tokenizer(given["texts"], padding=True, return_tensors="pt")
found["config"] = AutoConfig.from_pretrained(given["repo"], **remote).model_type
found["module"] = type(model).__module__.split(".")[0]
found["backbone"] = type(AutoModel.from_pretrained(given["repo"], **remote)).__name__
found["logits"] = model(**batch, labels=batch["input_ids"]).logits.tolist()
found["written"] = model.generate(**batch, **given["options"]).tolist()
*before, last = ast.parse(given["snippet"]).body
names = {}
exec(compile(ast.Module(before, []), "card", "exec"), names)
found["snippet"] = eval(compile(ast.Expression(last.value), "card", "eval"), names)
if given["remote"]:
    ask = pipeline("text2text-generation", model=given["repo"], **remote)
    found["pipeline"] = ask(given["texts"], batch_size=3, **given["options"])
    found["one"] = ask(given["texts"][0], max_new_tokens=6)
"""
WITHOUT_TASK = """
found["task"] = pipeline(model=given["repo"], **remote).task
"""


def finished(folder: Path, model: PreTrainedModel) -> Path:
    """The folder of a run of `model`, which is saved in it, as it is when the run has ended."""
    about = {"name": "writer", "model": describe_model(model, folder), "metrics": METRICS}
    write_results(results_document(task="sequence-to-sequence", **about), folder / "results.json")
    return with_card(folder)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = save_sequence_model(tmp_path / "run", family="lstm", joint="additive-attended")
    return finished(folder, AutoModelForSeq2SeqLM.from_pretrained(folder))


@pytest.fixture
def stock_run(tmp_path: Path) -> Path:
    """One of a model of transformers' own."""
    tokenizer, folder = word_tokenizer(), tmp_path / "run"
    layers = {f"{part}_{name}": number for part in ("encoder", "decoder") for name, number in SIZES.items()}
    special = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    config = MarianConfig(
        vocab_size=len(tokenizer),
        d_model=8,
        max_position_embeddings=64,
        decoder_start_token_id=tokenizer.eos_token_id,
        forced_eos_token_id=None,
        **special,
        **layers,
    )
    model = MarianMTModel(config).eval()
    # As a training of ours leaves it.
    model.generation_config.max_new_tokens = 8
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return finished(folder, model)


def card_of(repo: str) -> tuple[ModelCard, str]:
    """The card of a repository, and the Python in it."""
    card = ModelCard.load(repo)
    (snippet,) = re.findall(r"```python\n(.*?)```", card.text, flags=re.DOTALL)
    return card, snippet


def expected_answers(folder: Path, snippet: str) -> dict[str, Any]:
    """What the one who published it gets, by the package: logits, tokens, and texts of the pipeline."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForSeq2SeqLM.from_pretrained(folder)
    batch = tokenizer(TEXTS, padding=True, return_tensors="pt")
    ask = pipeline("text2text-generation", model=str(folder))
    alone = [ask(text, **BEAMS) for text in TEXTS]
    (example,) = re.findall(r'\("(A man .*?)"', snippet)
    return {
        "logits": model(**batch, labels=batch["input_ids"]).logits.tolist(),
        "written": model.generate(**batch, **BEAMS).tolist(),
        "pipeline": alone,
        "one": ask(TEXTS[0], max_new_tokens=6),
        "example": ask(example),
    }


def stranger(monkeypatch: pytest.MonkeyPatch, hub: LoopbackHub, home: Path) -> None:
    """Let the processes that are started from here on have the Hub `hub`, and a token that may read."""
    for name, value in hub.environment(home, hub.token("ana", "read")).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HF_HUB_CACHE", str(home / "cache"))
    monkeypatch.delenv("HF_HUB_OFFLINE")


def flat(values: Any) -> list[float]:
    return [each for value in values for each in flat(value)] if isinstance(values, list) else [values]


def test_a_stranger_uses_what_was_published(
    run: Path, ana: HfApi, loopback_hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    publish(run, REPO)
    card, snippet = card_of(REPO)
    assert 'pipeline("text2text-generation", model="ana/writer", trust_remote_code=True)' in snippet
    expected = expected_answers(run, snippet)
    stranger(monkeypatch, loopback_hub, tmp_path)
    asked = {"repo": REPO, "texts": TEXTS, "options": BEAMS, "snippet": snippet, "remote": True}
    online = ask_a_stranger(STRANGER + WITHOUT_TASK, tmp_path / "online", **asked)
    assert online.pop("task") == "text2text-generation"
    assert (online["config"], online["backbone"]) == ("lstm-encoder-decoder", "LstmEncoderDecoder")
    assert online["module"] == "transformers_modules", "it is the code of the repository"
    assert flat(online["logits"]) == pytest.approx(flat(expected["logits"]), abs=1e-5)
    for name in ("written", "pipeline", "one"):
        assert online[name] == expected[name], name
    assert online["snippet"] == expected["example"]
    assert len({answer["generated_text"] for answers in online["pipeline"] for answer in answers}) > 2
    loopback_hub.stop()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert ask_a_stranger(STRANGER, tmp_path / "offline", **asked) == online


def test_one_of_transformers_needs_neither_code_nor_a_pipeline_that_it_has_no_more(
    stock_run: Path, ana: HfApi, loopback_hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    publish(stock_run, REPO)
    card, snippet = card_of(REPO)
    assert "trust_remote_code" not in card.text and not [n for n in ana.list_repo_files(REPO) if n.endswith(".py")]
    expected = expected_answers(stock_run, snippet)
    stranger(monkeypatch, loopback_hub, tmp_path)
    asked = {"repo": REPO, "texts": TEXTS, "options": BEAMS, "snippet": snippet, "remote": False}
    found = ask_a_stranger(STRANGER, tmp_path / "online", **asked)
    assert found["module"] == "transformers"
    assert flat(found["logits"]) == pytest.approx(flat(expected["logits"]), abs=1e-5)
    assert found["written"] == expected["written"]
    assert [text.strip() for text in found["snippet"]] == [answer["generated_text"] for answer in expected["example"]]


def test_the_card_tells_what_was_measured(run: Path) -> None:
    card = ModelCard.load(run / "README.md")
    assert (card.data.pipeline_tag, card.data.library_name) == ("text2text-generation", "transformers")
    assert card.data.tags == ["lstm-encoder-decoder", "hf_rnn", "rnn"]
    assert card.data.metrics == ["sacrebleu", "chrf"]
    figures = {(each.dataset_split, each.metric_name): each.metric_value for each in card.data.eval_results}
    assert figures == {("test", "BLEU"): 31.25, ("test", "chrF"): 48.5, ("validation", "BLEU"): 32.75}
    for line in ("| BLEU | 31.2500 | 32.7500 |", "| chrF | 48.5000 |  |", "Loss: nats for a token of the target, pre"):
        assert line in card.text
    assert "calibrated" not in card.text and "custom_pipelines" not in card.text
    assert "`attention` | `additive`" in card.text


def test_staging_tells_what_it_asked(run: Path, tmp_path: Path) -> None:
    staged = stage(run, tmp_path / "staged", repo_id=REPO)
    assert staged.auto_classes == ("AutoModel", "AutoModelForSeq2SeqLM")
    assert staged.checks[2].endswith("AutoConfig, AutoModel, AutoModelForSeq2SeqLM, AutoTokenizer, pipeline")
    needed = {"modeling_seq2seq.py", "pipeline_text2text.py", "generation_config.json", "tokenizer.json"}
    assert needed <= set(staged.files())
    config = json.loads((staged.folder / "config.json").read_text())
    assert config["auto_map"] == {
        "AutoConfig": "configuration_seq2seq.LstmEncoderDecoderConfig",
        "AutoModel": "modeling_seq2seq.LstmEncoderDecoder",
        "AutoModelForSeq2SeqLM": "modeling_seq2seq.LstmForSeq2SeqLM",
    }
    assert config["custom_pipelines"]["text2text-generation"]["impl"].startswith("pipeline_text2text.")


def test_the_table_of_tasks_knows_which_pipelines_are_ours() -> None:
    from hf_rnn.models.configuration_seq2seq import RecurrentEncoderDecoderConfig
    from hf_rnn.models.configuration_siamese import SiameseConfig

    ours = {*SiameseConfig.pipelines(), *RecurrentEncoderDecoderConfig.pipelines()}
    assert {kind.pipeline_name for kind in KINDS.values() if kind.own_pipeline} == ours
