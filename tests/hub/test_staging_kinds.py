"""Every kind of model that a script of ours trains is staged, and answers in a process without hf_rnn as here."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hf_rnn.bundles import bundled, list_bundled
from hf_rnn.hub.answers import answers
from hf_rnn.hub.staging import StagedModel, stage
from hf_rnn.runs.kinds import KINDS
from hf_rnn.tasks.arguments import ReportArguments
from hf_rnn.tasks.one_shot.task import OneShotArguments, run_one_shot
from hf_rnn.training.arguments import RecurrentTrainingArguments
from tests.hub.language_runs import run_language
from tests.publishing import with_card
from tests.tasks import small_runs, small_sequence_runs, small_similarity_runs, small_tagging_runs


pytestmark = pytest.mark.slow


def gru(folder: Path) -> None:
    small_runs.run(folder, model_type="gru", num_train_epochs=1, **small_runs.write_reviews(folder.parent / "data"))


def stock_bert(folder: Path) -> None:
    files = small_runs.write_reviews(folder.parent / "data")
    texts = [text for text, _ in small_runs.texts_and_labels(files["train_file"])]
    bert = small_runs.save_tiny_bert(folder.parent / "bert", texts, limit=64)
    small_runs.run(folder, model_name_or_path=str(bert), num_train_epochs=1, **files)


def siamese(folder: Path) -> None:
    files = small_similarity_runs.write_questions(folder.parent / "data")
    small_similarity_runs.run(folder, num_train_epochs=1, **files)


def pair_classifier(folder: Path) -> None:
    files = small_similarity_runs.write_questions(folder.parent / "data")
    small_similarity_runs.run(folder, num_train_epochs=1, loss="classification", **files)


def tagger(folder: Path) -> None:
    small_tagging_runs.run(folder, num_train_epochs=1, **small_tagging_runs.write_news(folder.parent / "data"))


def language_model(folder: Path) -> None:
    run_language(folder.parent, output_dir=str(folder))


def sequence_to_sequence(folder: Path) -> None:
    small_sequence_runs.run(folder, **small_sequence_runs.write_numbers(folder.parent / "data"))


def stock_marian(folder: Path) -> None:
    sizes = {"d_model": 8, "max_position_embeddings": 32}
    for part in ("encoder", "decoder"):
        sizes |= {f"{part}_layers": 1, f"{part}_attention_heads": 2, f"{part}_ffn_dim": 8}
    files = small_sequence_runs.write_numbers(folder.parent / "data")
    small_sequence_runs.run(folder, model_type="marian", config_overrides=json.dumps(sizes), **files)


def one_shot(folder: Path) -> None:
    sizes = {"image_size": 8, "hidden_sizes": [4], "kernel_sizes": [3], "pool_sizes": [2]}
    run_one_shot(
        OneShotArguments(config_overrides=json.dumps(sizes), train_letters=40, pairs_per_letter=2),
        ReportArguments(report_name="letters"),
        RecurrentTrainingArguments(
            output_dir=str(folder), do_train=True, do_eval=True, num_train_epochs=1, use_cpu=True, disable_tqdm=True
        ),
    )


@pytest.fixture
def staged(tmp_path: Path) -> Callable[[Callable[[Path], None]], StagedModel]:
    def train_and_stage(train: Callable[[Path], None]) -> StagedModel:
        train(tmp_path / "run")
        return stage(with_card(tmp_path / "run"), tmp_path / "staged", repo_id="ana/model")

    return train_and_stage


def code_of(staged: StagedModel) -> set[str]:
    return {name for name in staged.files() if name.endswith(".py")}


def test_a_recurrent_classifier(staged: Callable[..., StagedModel]) -> None:
    assert "modeling_rnn.py" in code_of(staged(gru))


def test_a_stock_bert_has_no_code(staged: Callable[..., StagedModel]) -> None:
    found = staged(stock_bert)
    assert not code_of(found)
    assert "auto_map" not in json.loads((found.folder / "config.json").read_text())
    assert "trust_remote_code" not in (found.folder / "README.md").read_text()
    assert "with transformers' own code: AutoConfig, AutoModelForSequenceClassification" in found.checks[2]


@pytest.mark.parametrize("train", [siamese, pair_classifier])
def test_a_siamese_network_is_one_for_sentence_transformers_too(
    staged: Callable[..., StagedModel], train: Callable[[Path], None]
) -> None:
    found = staged(train)
    assert {"pipeline_similarity.py", "sentence_encoder.py", "modeling_siamese.py"} <= code_of(found)
    modules = json.loads((found.folder / "modules.json").read_text())
    assert modules[0]["type"] == "sentence_encoder.SiameseSentenceEncoder"
    assert "config_sentence_transformers.json" in found.files()
    heads = {siamese: "AutoModel", pair_classifier: "AutoModelForSequenceClassification"}
    assert found.auto_classes[-1] == heads[train]


def test_a_tagger(staged: Callable[..., StagedModel]) -> None:
    found = staged(tagger)
    assert found.auto_classes[-1] == "AutoModelForTokenClassification"
    assert 'aggregation_strategy="simple"' in (found.folder / "README.md").read_text()


def test_a_language_model_writes_the_same_text(staged: Callable[..., StagedModel]) -> None:
    found = staged(language_model)
    assert found.auto_classes[-1] == "AutoModelForCausalLM"
    assert {"modeling_causal.py", "generation_rnn.py", "cache_rnn.py"} <= code_of(found)
    assert "generation_config.json" in found.files()
    card = (found.folder / "README.md").read_text()
    assert 'generator = pipeline("text-generation", model="ana/model", trust_remote_code=True)' in card
    # What is compared is a text of the model's own, the same each time.
    usage = KINDS["text-generation"]
    first, again = (
        answers(str(found.folder), (), "text-generation", usage.example, usage.pipeline_options)["pipeline"]
        for _ in range(2)
    )
    assert first == again and len(first[0]["generated_text"]) == len(usage.example) + 40


def test_an_encoder_decoder_brings_its_pipeline(staged: Callable[..., StagedModel]) -> None:
    found = staged(sequence_to_sequence)
    assert found.auto_classes == ("AutoModel", "AutoModelForSeq2SeqLM")
    assert {"modeling_seq2seq.py", "generation_seq2seq.py", "pipeline_text2text.py"} <= code_of(found)
    assert found.checks[2].endswith("AutoTokenizer, pipeline")
    card = (found.folder / "README.md").read_text()
    assert 'pipeline("text2text-generation", model="ana/model", trust_remote_code=True)' in card
    assert "| Exact match |" in card and "| Character error rate |" in card


def test_a_stock_encoder_decoder_has_neither_code_nor_pipeline(staged: Callable[..., StagedModel]) -> None:
    found = staged(stock_marian)
    assert not code_of(found) and found.auto_classes == ("AutoModelForSeq2SeqLM",)
    assert found.checks[2].endswith("own code: AutoConfig, AutoModelForSeq2SeqLM, AutoTokenizer")
    card = (found.folder / "README.md").read_text()
    assert 'AutoModelForSeq2SeqLM.from_pretrained("ana/model")' in card and "pipeline(" not in card


def test_a_network_of_images(staged: Callable[..., StagedModel]) -> None:
    found = staged(one_shot)
    assert {"modeling_siamese.py", "modeling_conv.py"} <= code_of(found)
    assert "modules.json" not in found.files()
    assert "AutoTokenizer" not in found.checks[2]


@pytest.mark.parametrize("name", list_bundled())
def test_a_bundled_checkpoint_gets_its_code(name: str, tmp_path: Path) -> None:
    found = stage(f"bundled:{name}", tmp_path / "staged", repo_id="ana/model")
    assert code_of(found)
    card = (found.folder / "README.md").read_text()
    assert 'model="ana/model", trust_remote_code=True' in card
    assert "hf_rnn.bundled" not in card
    assert "import hf_rnn" not in card and "pip install" not in card
    weights = [folder / "model.safetensors" for folder in (found.folder, Path(bundled(name)))]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    assert json.loads((found.folder / "config.json").read_text())["dtype"] == "float32"
