"""The model card: its text against a stored one, its front matter as the Hub reads it, and what it refuses."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from huggingface_hub import ModelCard

from hf_rnn.bundles import TERMS
from hf_rnn.hub.card_options import CardOptions, read_card_options
from hf_rnn.hub.model_card import METRICS, model_card, write_model_card
from hf_rnn.runs.curves import CURVES_FILE
from hf_rnn.runs.kinds import KINDS
from hf_rnn.runs.results import ResultsError
from tests.results_document import results_document


GOLDEN = Path(__file__).with_name("model_card_golden.md")
OPTIONS: dict[str, Any] = {"license": "apache-2.0", "language": "en"}


def test_the_card_is_the_stored_one() -> None:
    """The card is the stored text. HF_RNN_UPDATE_GOLDEN=1 writes it anew after a wanted change: read what differs."""
    text = str(
        model_card(
            results_document(dataset__notes="The last 5,000 shuffled training reviews are the validation split."),
            repo_id="someone/bilstm-imdb",
            curves=CURVES_FILE,
            dataset_license_note="The reviews remain their authors'.",
            **OPTIONS,
        )
    )
    if os.environ.get("HF_RNN_UPDATE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_a_card_claims_no_licence_that_nobody_chose(tmp_path: Path) -> None:
    write_model_card(tmp_path, results_document(), license=None, language="en")
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "license" not in text.split("---")[1]
    assert "- Licence of the weights: the one named at the top of this card; without one, nobody but" in text
    assert ModelCard.load(tmp_path / "README.md").data.license is None
    assert read_card_options(tmp_path / "card.json").license is None


def test_the_front_matter_is_what_the_hub_reads(tmp_path: Path) -> None:
    write_model_card(tmp_path, results_document(), **OPTIONS)
    data = ModelCard.load(tmp_path / "README.md").data
    assert (data.license, data.language, data.library_name) == ("apache-2.0", "en", "transformers")
    assert (data.pipeline_tag, data.datasets, data.base_model) == ("text-classification", ["stanfordnlp/imdb"], None)
    assert data.tags == ["bilstm", "hf_rnn", "rnn"]
    assert data.metrics == ["accuracy", "f1"]
    figures = {(r.dataset_split, r.metric_type): r.metric_value for r in data.eval_results}
    assert figures == {
        ("test", "accuracy"): 0.9071,
        ("test", "f1"): 0.9068,
        ("validation", "accuracy"): 0.9134,
        ("validation", "f1"): 0.914,
    }


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"metrics__test__accuracy": 0.12345}, "| Accuracy | 0.1235 |"),
        ({"training__minutes": 3.14159}, "| Time to train | 3.1 minutes |"),
        ({"model__parameters": 123}, ": 123 parameters, 9.4 MB on disk"),
        ({"model__size_bytes": 1_500_000}, "parameters, 1.5 MB on disk"),
        ({"training__threads": 7}, "| Threads | 7 |"),
        ({"dirty": True}, "abcdef01234567` with uncommitted changes |"),
        ({"training__selection": None}, "No split was used to choose the checkpoint. Figures are of one run."),
        ({"seeds": 3}, "Figures are means of 3 runs with different seeds."),
        ({"training__arguments": {"pattern": "a|b"}}, "| `pattern` | `a\\|b` |"),
    ],
)
def test_every_figure_comes_from_the_results(changes: dict[str, Any], line: str) -> None:
    assert line not in str(model_card(results_document(), **OPTIONS))
    assert line in str(model_card(results_document(**changes), **OPTIONS))


def test_what_was_not_measured_is_not_told() -> None:
    nothing = dict.fromkeys(("training__epochs", "training__steps", "training__seed", "recipe", "commit"))
    text = str(model_card(results_document(metrics={}, training__arguments={}, **nothing), **OPTIONS))
    assert "Nothing was measured." in text
    for absent in ("| Epochs", "| Steps", "| Seed", "| Recipe", "| Commit", "Arguments that differ", "model-index"):
        assert absent not in text


@pytest.mark.parametrize("base", [None, "ana/film-base"])
def test_what_a_run_did_not_train_is_not_called_trained(base: str | None) -> None:
    results = results_document()
    results["model"]["base_model"] = base
    assert "Trained on imdb." in model_card(results, license="mit", language="en").text
    results["training"] |= {"steps": 0, "epochs": 0, "selection": None}
    text = model_card(results, license="mit", language="en").text
    assert "This run trained nothing: it measured the model on imdb." in text
    assert "Trained on" not in text and "fine-tuned" not in text
    assert (", with the weights of [ana/film-base](https" in text) == (base is not None)


def test_the_snippet_fits_where_the_weights_are() -> None:
    ours, stock = results_document(), results_document(model__model_type="bert", model__base_model="some/bert")
    assert 'model="me/x", trust_remote_code=True)' in str(model_card(ours, repo_id="me/x", **OPTIONS))
    bundled = str(model_card(ours, bundled=True, **OPTIONS))
    assert 'import hf_rnn\nfrom transformers import pipeline\n\nclassifier = pipeline("text-classification"' in bundled
    assert 'model=hf_rnn.bundled("bilstm-imdb"))' in bundled
    text = str(model_card(stock, repo_id="me/x", **OPTIONS))
    assert 'model="me/x")' in text
    assert "trust_remote_code" not in text
    assert "fine-tuned from [some/bert]" in text


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            {"label_threshold": 0.3125},
            "at least 0.3125, the threshold with the best micro F1 on validation. The figures",
        ),
        ({}, "at least 0.5. The figures"),
    ],
)
def test_how_several_labels_are_chosen_is_told(config: dict[str, Any], said: str) -> None:
    results = results_document()
    assert "A text has the labels with a probability of" not in str(model_card(results, **OPTIONS))
    results["model"]["config"] = {"problem_type": "multi_label_classification", **config}
    assert f"A text has the labels with a probability of {said}" in str(model_card(results, **OPTIONS))


def test_a_quote_in_the_example_is_escaped() -> None:
    assert 'classifier("They call it \\"art\\".")' in str(
        model_card(results_document(), example='They call it "art".', **OPTIONS)
    )


def test_the_curves_are_shown_if_they_are_there(tmp_path: Path) -> None:
    picture = f"({CURVES_FILE})"
    assert picture not in write_model_card(tmp_path, results_document(), **OPTIONS).read_text(encoding="utf-8")
    (tmp_path / CURVES_FILE).write_bytes(b"")
    assert picture in write_model_card(tmp_path, results_document(), **OPTIONS).read_text(encoding="utf-8")


def test_the_metrics_of_the_package_all_have_a_name() -> None:
    from hf_rnn.metrics.classification import ClassificationMetric, MultiLabelMetric, RegressionMetric
    from hf_rnn.metrics.language import language_metrics
    from hf_rnn.metrics.pairs import pair_figures
    from hf_rnn.metrics.sequences import METRIC_SETS
    from hf_rnn.metrics.similarity import RANKS
    from hf_rnn.tasks.one_shot.building import PAIR_FIGURES
    from hf_rnn.tasks.one_shot.measuring import KINDS

    figures = ClassificationMetric().compute(predictions=[0, 1], references=[0, 1], num_labels=2)
    figures |= MultiLabelMetric().compute(predictions=[[0, 1]], references=[[0, 1]])
    figures |= RegressionMetric().compute(predictions=[0, 1], references=[0, 1])
    figures |= pair_figures("labels", np.array([0.1, 0.9]), np.array([-1.0, 1.0]), [0, 1])
    language = language_metrics(2.0, 1, 1.0).keys() - {"loss"}
    retrieval = {"mrr", *(f"recall_at_{rank}" for rank in RANKS)}
    one_shot = {f"accuracy_{ways}_way_{shots}_shot" for ways, shots in KINDS} | {f"pair_{one}" for one in PAIR_FIGURES}
    written = {name for names in METRIC_SETS.values() for name in names}
    series = {"mse", "mae", "mse_in_units", "mae_in_units"}
    assert set(figures) | language | retrieval | one_shot | written | series == set(METRICS)


def test_bad_results_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="`results.task` must be one of text-class.*, .*; it is 'juggling'"):
        write_model_card(tmp_path, results_document(task="juggling"), **OPTIONS)
    with pytest.raises(ValueError, match="`results.model.model_type` must name a transformers model"):
        write_model_card(tmp_path, results_document(model__model_type=None), **OPTIONS)
    with pytest.raises(ResultsError, match="`metrics.test.accuracy`"):
        write_model_card(tmp_path, results_document(metrics__test__accuracy=float("nan")), **OPTIONS)
    assert not (tmp_path / "README.md").exists()


def test_bad_options_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    for options, message in [
        ({"license": "mit"}, "language"),
        ({**OPTIONS, "licence": "mit"}, "licence"),
        ({**OPTIONS, "license": 3}, "`license` must be the Hub's identifier of a licence, or None; it is 3"),
    ]:
        with pytest.raises(TypeError, match=message):
            write_model_card(tmp_path, results_document(), **options)
    assert not list(tmp_path.iterdir())


def test_a_card_is_made_anew_from_what_lies_beside_it(tmp_path: Path) -> None:
    options = {**OPTIONS, "language": ["en", "pt"], "repo_id": "me/x", "example": "Fine.", "dataset_license_note": "!"}
    text = write_model_card(tmp_path, results_document(), **options).read_text(encoding="utf-8")
    stored = read_card_options(tmp_path / "card.json")
    assert stored == CardOptions(**options)
    assert str(model_card(results_document(), **vars(stored))) == text


@pytest.mark.parametrize("task", KINDS)
def test_what_it_is_for_is_of_the_task(task: str) -> None:
    lines = str(model_card(results_document(task=task), dataset_license_note="Not free.", **OPTIONS)).splitlines()
    start = lines.index("## Intended use and limits")
    assert lines[start + 1 : start + 4] == [
        "",
        f"- Meant for {KINDS[task].intended}",
        f"- Not meant for {KINDS[task].unintended}",
    ]
    assert lines[start + 4].startswith("- The figures below are for imdb.")
    assert lines[start + 5] == f"- Licence of the weights: {OPTIONS['license']}."
    assert lines[start + 6] == "- Terms of the data: Not free."
    assert "- Terms of the data: not recorded with this run" in str(model_card(results_document(task=task), **OPTIONS))


def test_a_licence_that_the_hub_has_no_name_for() -> None:
    named = {"license": "other", "license_name": "mine", "license_link": "https://example.org/mine"}
    card = model_card(results_document(), **{**OPTIONS, **named})
    assert {name: getattr(card.data, name) for name in named} == named
    assert "- Licence of the weights: [mine](https://example.org/mine).\n" in card.text


@pytest.mark.parametrize("name", ["bilstm-imdb", "siamese-bilstm-quora"])
def test_the_snippet_says_what_else_is_to_be_installed(name: str) -> None:
    card = str(model_card(results_document(name=name), bundled=True, **OPTIONS))
    said = "  # the weights: pip install hf_rnn-research-weights" if name in TERMS else ""
    assert f"\nimport hf_rnn{said}\n" in card


def tagging_results(**changes: Any) -> dict[str, Any]:
    """Make the results of a tagger of people and of a type that occurs in the training split alone."""
    overall = {"loss": 0.25, "precision": 0.75, "recall": 0.6, "f1": 0.6667, "accuracy": 0.95}
    person = {"precision_PER": 0.7512, "recall_PER": 0.6123, "f1_PER": 0.6747, "support_PER": 1617.0}
    other = {"precision_A|B": 0.5, "recall_A|B": 0.25, "f1_A|B": 0.3333, "support_A|B": 4.0}
    metrics = {
        "train": {**overall, **person, **other},
        "test": {**overall, **person, "f1_detokenized": 0.6161},
    }
    values = {"task": "token-classification", "metrics": metrics, "model__class": "BiLstmForTokenClassification"}
    return results_document(**{**values, **changes})


def test_the_card_of_a_tagger() -> None:
    card = model_card(tagging_results(), repo_id="me/tagger", **OPTIONS)
    assert card.data.pipeline_tag == "token-classification"
    assert card.data.metrics == ["precision", "recall", "f1", "accuracy"]
    assert {(r.task_type, r.dataset_split) for r in card.data.eval_results} == {("token-classification", "test")}
    assert [r.metric_value for r in card.data.eval_results] == [0.75, 0.6, 0.6667, 0.95]
    lines = card.text.splitlines()
    # Figures of types are in a table of their own.
    start = lines.index("| | Test | Train |")
    assert lines[start + 1 : start + 9] == [
        "|---|---:|---:|",
        "| Rows | 25,000 | 20,000 |",
        "| Loss | 0.2500 | 0.2500 |",
        "| Precision | 0.7500 | 0.7500 |",
        "| Recall | 0.6000 | 0.6000 |",
        "| F1 | 0.6667 | 0.6667 |",
        "| Accuracy | 0.9500 | 0.9500 |",
        "| F1 detokenized | 0.6161 |  |",
    ]
    start = lines.index("By type of entity, on the test split:")
    assert lines[start + 1 : start + 6] == [
        "",
        "| Type | Entities | Precision | Recall | F1 |",
        "|---|---:|---:|---:|---:|",
        "| PER | 1617 | 0.7512 | 0.6123 | 0.6747 |",
        "",
    ]


def test_types_are_those_of_the_first_split_of_the_table() -> None:
    metrics = {"train": tagging_results()["metrics"]["train"]}
    text = str(model_card(tagging_results(metrics=metrics), **OPTIONS))
    assert "By type of entity, on the train split:" in text
    assert "| A\\|B | 4 | 0.5000 | 0.2500 | 0.3333 |" in text
    assert "By type of entity" not in str(model_card(results_document(), **OPTIONS))


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        ({}, ', trust_remote_code=True, aggregation_strategy="simple")'),
        # A stock model answers for the first pieces of words.
        ({"model__model_type": "bert"}, ', aggregation_strategy="first")'),
        # Parts of speech are no entities to be put together.
        ({"metrics": {"test": {"accuracy": 0.9, "f1_macro": 0.8}}}, ", trust_remote_code=True)"),
    ],
)
def test_the_snippet_of_a_tagger(changes: dict[str, Any], end: str) -> None:
    text = str(model_card(tagging_results(**changes), repo_id="me/x", **OPTIONS))
    snippet = text.partition("```python\n")[2].partition("```")[0].splitlines()
    assert snippet == [
        "from transformers import pipeline",
        "",
        f'tagger = pipeline("token-classification", model="me/x"{end}',
        'tagger("Maria Silva moved from Lisbon to the UN.")',
    ]


def test_the_snippet_of_a_bundled_tagger() -> None:
    text = str(model_card(tagging_results(), bundled=True, **OPTIONS))
    assert 'model=hf_rnn.bundled("bilstm-imdb"), aggregation_strategy="simple")' in text


def test_a_comparison_stands_between_the_results_and_the_training() -> None:
    results = results_document()
    text = str(model_card(results, license="mit", language="en", comparison="| other | 0.5 |"))
    assert (
        text.index("## Results")
        < text.index("## Beside other models\n\n| other | 0.5 |\n")
        < text.index("## Training")
    )
    assert "Beside other models" not in str(model_card(results, license="mit", language="en"))
    source = {"comparison": "| other | 0.5 |", "compared_in": "model_cards/comparison/x.json"}
    assert "written from `model_cards/comparison/x.json`" in str(model_card(results, **source, **OPTIONS))
    assert "written from" not in text


def test_the_card_of_a_classifier_of_pairs_has_both_snippets() -> None:
    values = {"task": "sentence-similarity", "model__class": "SiameseForPairClassification"}
    text = str(model_card(results_document(**values), bundled=True, **OPTIONS))
    pair = '({"text": "How do I learn to swim?", "text_pair": "What is the best way to learn swimming?"})'
    for name, task in (("similarity", "sentence-similarity"), ("classifier", "text-classification")):
        assert f'{name} = pipeline("{task}", model=hf_rnn.bundled("bilstm-imdb"))\n{name}{pair}' in text
    other = str(model_card(results_document(**values | {"model__class": "SiameseModel"}), **OPTIONS))
    assert "text-classification" not in other
