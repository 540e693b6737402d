"""A contributor adds a task by the steps of CONTRIBUTING.md: is a text short or long? All rooms work with it."""

from __future__ import annotations

import pytest

from tests.walks.checkout import Checkout, named_files


ROW = """    Kind(
        name="text-length",
        folder="text_length",
        aliases=("length",),
        pipeline="text-classification",
        title="Length of texts",
        inputs="text",
        heads={"ForSequenceClassification": "AutoModelForSequenceClassification"},
        variable="meter",
        example="A film.",
        intended="telling short texts from long ones.",
        unintended="anything that len() does.",
        figures=(("Test accuracy", "test", "accuracy"),),
        selects={"single_label_classification": "accuracy"},
        search_space={"embedding_dropout": _DROPOUT},
    ),
"""
TASK = '''"""Whether a text is short or long, from texts to measured results."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import AutoModelForSequenceClassification, PreTrainedModel

from ...data.batches.texts import tokenize_dataset
from ...metrics.classification import metrics_for
from ...runs.describe import split_metrics
from ...training.arguments import RecurrentTrainingArguments
from ...training.trainer import RecurrentTrainer
from ..arguments import ModelArguments, ReportArguments, TokenizerArguments
from ..building import build_model, build_tokenizer
from ..run import TrainingTask, check_splits
from ..task import Task
from .arguments import NAMES, LengthArguments, load_lengths
from .comparing import TEST_DATA


GROUPS = (ModelArguments, LengthArguments, TokenizerArguments, ReportArguments, RecurrentTrainingArguments)


def prepare_text_length(
    model_arguments: ModelArguments,
    data_arguments: LengthArguments,
    tokenizer_arguments: TokenizerArguments,
    arguments: RecurrentTrainingArguments,
    *,
    checkpoint: str | None = None,
    language: str | None = None,
) -> TrainingTask:
    """What is trained."""
    splits = load_lengths(data_arguments)
    check_splits(splits, arguments)
    tokenizer = build_tokenizer(
        tokenizer_arguments, model_arguments, splits["train"]["text"], checkpoint=checkpoint, show_progress=False
    )

    def model_init(overrides: Mapping[str, Any]) -> PreTrainedModel:
        return build_model(
            model_arguments.overridden(overrides),
            AutoModelForSequenceClassification,
            tokenizer,
            id2label=dict(enumerate(NAMES)),
            label2id={name: index for index, name in enumerate(NAMES)},
            problem_type="single_label_classification",
        )

    rows = {name: tokenize_dataset(split, tokenizer, max_length=None, side="head") for name, split in splits.items()}

    def measure(trainer: RecurrentTrainer, output: Path) -> dict[str, dict[str, float]]:
        wanted = {"validation": trainer.args.do_eval, "test": trainer.args.do_predict}
        return {
            split: split_metrics(trainer.evaluate(rows[split], metric_key_prefix=split), split)
            for split in wanted
            if wanted[split] and split in rows
        }

    return TrainingTask(
        name=TASK.name,
        model=model_init({}),
        model_init=model_init,
        tokenizer=tokenizer,
        train=rows["train"],
        validation=rows.get("validation"),
        rows={name: len(split) for name, split in splits.items()},
        dataset_name="lengths",
        source=data_arguments,
        metric=TASK.kind.selects["single_label_classification"],
        compute_metrics=metrics_for("single_label_classification", len(NAMES)),
        measure=measure,
        language=language,
    )


TASK = Task("text-length", GROUPS, prepare_text_length, test_data=TEST_DATA)

__all__ = ["GROUPS", "TASK", "prepare_text_length"]
'''
ARGUMENTS = '''"""The texts, and from how many words on one is long."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from datasets import ClassLabel

from ...data.readers.texts import DataArguments, load_text_classification


NAMES = ["short", "long"]


@dataclass
class LengthArguments(DataArguments):
    """Which texts are measured, and what long means."""

    long_from: int = field(default=12, metadata={"help": "Words from which on a text is long. Default: 12."})


def load_lengths(arguments: Any) -> dict[str, Any]:
    """Each split with the columns `text` and `label`, which is 1 for a long text."""
    splits = load_text_classification(arguments).splits
    return {
        name: split.remove_columns("label")
        .map(lambda row: {"label": int(len(row["text"].split()) >= arguments.long_from)})
        .cast_column("label", ClassLabel(names=NAMES))
        for name, split in splits.items()
    }
'''
COMPARING = '''"""The texts that such models are compared on."""

from __future__ import annotations

from dataclasses import dataclass

from ..test_set import TestData, TestSet, TestSplitOnly, test_rows
from ..text_classification.comparing import logit_figures
from .arguments import NAMES, LengthArguments, load_lengths


@dataclass
class LengthTestArguments(TestSplitOnly, LengthArguments):
    """The test split."""


def read_lengths(arguments: LengthTestArguments, label2id: dict[str, int] | None) -> TestSet:
    """The test split that `arguments` name."""
    rows = test_rows(load_lengths(arguments))
    texts = list(rows["text"])
    return TestSet(
        "text-length", texts, texts, list(rows["label"]), NAMES, "single_label_classification", logit_figures
    )


TEST_DATA = TestData(LengthTestArguments, read_lengths)
'''
FOLDER = "hf_rnn/tasks/text_length/"
# What every program begins with.
RUN = """
import json
from pathlib import Path
from transformers import HfArgumentParser
from hf_rnn.tasks.registry import find_task
from tests.tasks import small_runs

task = find_task("length")
files = small_runs.write_reviews(Path("reviews"))
for file in files.values():
    # Every second text is cut to four words.
    rows = small_runs.texts_and_labels(file)
    cut = [(" ".join(text.split()[: 4 if number % 2 else None]), label) for number, (text, label) in enumerate(rows)]
    small_runs.write_rows(Path(file), cut)
values = small_runs.flags(Path("meter"), num_train_epochs=8, learning_rate=0.03, **files)
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """The copy with the task, and the folder of a run that ended."""
    copy = Checkout(tmp_path_factory.mktemp("checkout"))
    copy.insert("hf_rnn/runs/kinds.py", ")\n\nKINDS: dict", ROW)
    copy.add(FOLDER + "__init__.py", '"""Whether a text is short or long."""\n')
    copy.add(FOLDER + "task.py", TASK)
    copy.add(FOLDER + "arguments.py", ARGUMENTS)
    copy.add(FOLDER + "comparing.py", COMPARING)
    copy.run(
        RUN
        + """
results = task.run(HfArgumentParser(task.groups).parse_dict(values), recipe=None)
assert results["task"] == "text-length"
assert results["metrics"]["test"]["accuracy"] > 0.8, results["metrics"]
"""
    )
    return copy


def test_a_folder_is_added_and_one_file_touched_and_the_steps_name_them(checkout: Checkout) -> None:
    assert list(checkout.changed) == ["hf_rnn/runs/kinds.py"]
    assert {file.rpartition("/")[0] for file in checkout.added} == {FOLDER.rstrip("/")}
    assert named_files("Adding a task") == {"hf_rnn/runs/kinds.py", "hf_rnn/tasks/<folder>/"}


@pytest.mark.slow
def test_its_card_is_written_its_table_made_and_its_run_staged(checkout: Checkout) -> None:
    checkout.run(
        """
from hf_rnn.hub.model_card import write_model_card
from hf_rnn.hub.staging import stage
from hf_rnn.rendering.results_tables import results_table
from hf_rnn.runs.results import read_results

results = read_results("meter/results.json")
card = write_model_card("meter", results, license="mit", language="en").read_text()
assert "Meant for telling short texts from long ones." in card
assert 'meter = pipeline("text-classification", model="meter"' in card
assert "Test accuracy" in results_table([results])
staged = stage("meter", "staged", repo_id="ana/meter")
assert staged.auto_classes[-1] == "AutoModelForSequenceClassification"
"""
    )


@pytest.mark.slow
def test_it_is_searched(checkout: Checkout) -> None:
    checkout.run(
        RUN
        + """
from hf_rnn.hyperparameter_search.arguments import SearchArguments
from hf_rnn.hyperparameter_search.plan import prepare_search
from hf_rnn.hyperparameter_search.run import run_search

values |= {"output_dir": "search", "task": "length", "n_trials": 2, "sampler": "random", "do_predict": False}
arguments, *groups = HfArgumentParser((SearchArguments, *task.groups)).parse_dict(values)
search = prepare_search(arguments, groups)
assert "embedding_dropout" in search.space.to_json()
assert run_search(search)["trials"]["finished"] == 2
"""
    )


def test_its_models_are_explained(checkout: Checkout) -> None:
    checkout.run(
        """
from transformers import AutoTokenizer
from hf_rnn.insight.loading import load_with_head
from hf_rnn.insight.report import explain

report = explain(load_with_head("meter"), AutoTokenizer.from_pretrained("meter"), "A film that is long.")
assert "Contributions of tokens" in report.sections, report.left_out
"""
    )


@pytest.mark.slow
def test_its_models_are_compared(checkout: Checkout) -> None:
    checkout.run(
        """
from hf_rnn.benchmark.comparison.arguments import DATA_ARGUMENTS, CompareArguments
from hf_rnn.benchmark.comparison.run import run_comparison

if __name__ == "__main__":
    arguments = CompareArguments(task="text-length", models=["meter"], output="compared.json", quick=True)
    found = run_comparison(arguments, DATA_ARGUMENTS["text-length"](test_file="reviews/test.csv"))
    assert found["task"] == "text-length" and found["metric"] == "accuracy"
    assert found["models"][0]["quality"]["accuracy"] > 0.6, found["models"]
"""
    )


@pytest.mark.parametrize("lacking", ['intended="telling short texts from long ones."', 'variable="meter"'])
def test_a_row_that_lacks_something_fails_before_anything_is_trained(
    tmp_path_factory: pytest.TempPathFactory, lacking: str
) -> None:
    copy = Checkout(tmp_path_factory.mktemp("checkout"))
    field = lacking.partition("=")[0]
    copy.insert("hf_rnn/runs/kinds.py", ")\n\nKINDS: dict", ROW.replace(lacking, f'{field}=""'))
    printed = copy.run(
        """
try:
    import hf_rnn.tasks.registry
except ValueError as error:
    print(error)
"""
    )
    assert printed == f"`{field}` of the task 'text-length' is empty; a row of `KINDS` must say it.\n"
