"""Command lines that begin with a recipe."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path
from typing import Any

import pytest
from transformers import HfArgumentParser

from hf_rnn.data.readers.documents import LanguageDataArguments
from hf_rnn.data.readers.files import expand_path
from hf_rnn.data.readers.sentences import TokenDataArguments
from hf_rnn.data.readers.series.arguments import SeriesDataArguments
from hf_rnn.data.readers.sources import SourceArguments
from hf_rnn.data.readers.texts import DataArguments
from hf_rnn.models.configuration_rnn import FAMILIES
from hf_rnn.models.configuration_seq2seq import ENCODER_DECODERS
from hf_rnn.tasks.arguments import ModelArguments, ReportArguments, TokenizerArguments, WordArguments
from hf_rnn.tasks.building import DEFAULT_FAMILY
from hf_rnn.tasks.one_shot.task import OneShotArguments
from hf_rnn.tasks.pretrained_start import start_from_base
from hf_rnn.tasks.recipes import find_recipe, parse_arguments, recorded_name
from hf_rnn.tasks.registry import find_task
from hf_rnn.tasks.sequence_to_sequence.arguments import SequenceModelArguments
from hf_rnn.tasks.time_series.arguments import SeriesModelArguments
from hf_rnn.tasks.token_classification.building import NEW_DROPOUT, TAGGER_DEFAULTS
from hf_rnn.training.arguments import RecurrentTrainingArguments


PROJECT = Path(__file__).resolve().parents[2]
RECIPES = sorted((PROJECT / "hf_rnn" / "recipes").glob("*.json"))


def parser() -> HfArgumentParser:
    return HfArgumentParser(
        (ModelArguments, DataArguments, TokenizerArguments, ReportArguments, RecurrentTrainingArguments)
    )


@pytest.fixture
def recipe(tmp_path: Path):
    def write(content: Any) -> str:
        path = tmp_path / "recipe.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)

    return write


def test_a_recipe_gives_the_arguments(recipe) -> None:
    values = {"train_file": "a.csv", "num_train_epochs": 3, "do_train": True, "lowercase": False, "label_names": ["a"]}
    path = recipe(values)
    (model, data, tokenizer, _, training), named = parse_arguments(parser(), [path])
    assert named == path
    assert (data.train_file, training.num_train_epochs, training.do_train) == ("a.csv", 3.0, True)
    assert tokenizer.lowercase is False
    assert training.label_names == ["a"]
    assert model.model_type is None


def test_flags_after_the_recipe_override_it(recipe) -> None:
    path = recipe({"train_file": "a.csv", "num_train_epochs": 3, "do_predict": True, "vocab_size": 50})
    line = [path, "--num_train_epochs", "7", "--do_predict", "False", "--output_dir", "elsewhere"]
    (_, data, tokenizer, _, training), _ = parse_arguments(parser(), line)
    assert (training.num_train_epochs, training.do_predict, training.output_dir) == (7.0, False, "elsewhere")
    assert (data.train_file, tokenizer.vocab_size) == ("a.csv", 50)


def test_a_nested_object_becomes_json(recipe) -> None:
    overrides = {"hidden_sizes": [64, 32], "dropout": 0.5, "pooling": "max"}
    path = recipe({"train_file": "a.csv", "config_overrides": overrides, "lr_scheduler_kwargs": {"num_cycles": 2}})
    (model, *_, training), _ = parse_arguments(parser(), [path])
    assert json.loads(model.config_overrides) == overrides == model.overrides()
    assert training.lr_scheduler_kwargs == {"num_cycles": 2}


def test_null_is_none(recipe) -> None:
    (*_, training), _ = parse_arguments(parser(), [recipe({"train_file": "a.csv", "save_total_limit": None})])
    assert training.save_total_limit is None


def test_without_a_recipe() -> None:
    (_, data, *_), named = parse_arguments(parser(), ["--train_file", "a.csv"])
    assert (data.train_file, named) == ("a.csv", None)


def test_the_program_s_own_command_line(recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    path = recipe({"train_file": "a.csv"})
    monkeypatch.setattr("sys.argv", ["script.py", path, "--seed", "5"])
    (_, data, _, _, training), named = parse_arguments(parser())
    assert (data.train_file, training.seed, named) == ("a.csv", 5, path)


def test_required_arguments_may_stand_in_the_recipe(recipe, capsys: pytest.CaptureFixture) -> None:
    from dataclasses import dataclass, field

    @dataclass
    class Arguments:
        output_dir: str = field(metadata={"help": "required"})
        seed: int = 0

    (arguments,), _ = parse_arguments(HfArgumentParser(Arguments), [recipe({"output_dir": "x"})])
    assert arguments.output_dir == "x"
    with pytest.raises(SystemExit):
        parse_arguments(HfArgumentParser(Arguments), [recipe({"seed": 1})])
    assert "--output_dir" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"train_file": "a.csv", "model_typ": "gru"}, "recipe.json' names `model_typ`, which is not an argument"),
        ("{'train_file': 'a.csv'}", "recipe.json' is not JSON: .*line 1"),
        (["--train_file", "a.csv"], "recipe.json' must be a JSON object"),
    ],
)
def test_malformed_recipes(recipe, content: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_arguments(parser(), [recipe(content)])


@pytest.mark.parametrize("values", [{"max_seq_length": 3.5}, {"max_seq_length": True}, {"seed": "one"}])
def test_a_value_of_the_wrong_type_names_the_argument(recipe, values, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(parser(), [recipe({"train_file": "a.csv", **values})])
    assert re.search(f"argument --{next(iter(values))}\\b.*: invalid int value", capsys.readouterr().err)


def test_a_recipe_that_is_not_there() -> None:
    with pytest.raises(FileNotFoundError, match="There is no recipe 'absent.json'"):
        parse_arguments(parser(), ["absent.json", "--seed", "1"])


@pytest.mark.parametrize("name", ["imdb_bilstm", "imdb_bilstm.json", "scripts/recipes/imdb_bilstm.json"])
def test_a_published_recipe_goes_by_its_name_and_by_its_old_path(name: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_recipe(name) == PROJECT / "hf_rnn" / "recipes" / "imdb_bilstm.json"
    assert recorded_name(name) == "hf_rnn/recipes/imdb_bilstm.json"
    # A file of one's own goes before it, and nothing outside of the folder is published.
    Path("imdb_bilstm.json").write_text("{}")
    assert recorded_name("imdb_bilstm.json") == "imdb_bilstm.json"
    assert find_recipe("../pretrained/bilstm-imdb/results") is None


def test_files_beside_the_recipes_are_named_as_on_every_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_RNN_RECIPES", raising=False)
    groups = find_task("text-generation").groups
    (_, data, *_), named = parse_arguments(HfArgumentParser(groups), [str(find_recipe("frases_elman"))])
    assert named == "hf_rnn/recipes/frases_elman.json"
    assert data.train_file == "${HF_RNN_RECIPES}/frases.csv"
    assert expand_path(data.train_file) == PROJECT / "hf_rnn" / "recipes" / "frases.csv"


def test_defaults_are_overridden_by_the_recipe_and_by_flags(recipe) -> None:
    defaults = {"num_train_epochs": 5, "do_train": True, "seed": 4, "train_file": "b.csv"}
    path = recipe({"train_file": "a.csv", "num_train_epochs": 3})
    (_, data, _, _, training), _ = parse_arguments(parser(), [path, "--seed", "9"], defaults=defaults)
    assert (data.train_file, training.num_train_epochs, training.do_train, training.seed) == ("a.csv", 3.0, True, 9)


def script_of(recipe: Path) -> str:
    """Name the script of a recipe by the data that the recipe's name begins with."""
    scripts = {
        "conll2003": "run_token_classification",
        "dates": "run_sequence_to_sequence",
        "frases": "run_language_modeling",
        "glyphs": "run_one_shot",
        "omniglot": "run_one_shot",
        "imdb_lm": "run_language_modeling",
        "imdb": "run_text_classification",
        "lener_br": "run_token_classification",
        "multi30k": "run_sequence_to_sequence",
        "pt_ner": "run_token_classification",
        "ptb": "run_language_modeling",
        "etth1": "run_time_series",
        "quora": "run_similarity",
        "shakespeare": "run_language_modeling",
        "stsb": "run_similarity",
    }
    return next(script for data, script in scripts.items() if recipe.stem.startswith(data))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_the_recipes_of_the_project_parse(path: Path, project: Path) -> None:
    """The arguments of the script that a recipe is for can read it."""
    groups = runpy.run_path(str(project / "scripts" / f"{script_of(path)}.py"))["GROUPS"]
    # By its `task` the command finds the same.
    assert find_task(json.loads(path.read_text())["task"]).groups == groups
    parsed, _ = parse_arguments(HfArgumentParser(groups), [str(path)])
    given = dict(zip(groups, parsed, strict=True))
    report = given[ReportArguments]
    training = next(arguments for arguments in parsed if isinstance(arguments, RecurrentTrainingArguments))
    assert training.do_eval or training.do_predict
    # A model may be measured as it is.
    model = next((arguments for arguments in parsed if isinstance(arguments, ModelArguments)), None)
    assert training.do_train or (model is not None and model.model_name_or_path is not None)
    if OneShotArguments in given:
        # Its data are drawn.
        assert report.dataset_title and given[OneShotArguments].encoder().num_channels == 1
        return
    if SeriesModelArguments in given:
        data = given[SeriesDataArguments]
        assert report.dataset_title and data.train_file == "${HF_RNN_CORPORA}/ett/ETTh1.csv"
        assert (data.train_part, data.validation_part, data.test_part) == (8640, 2880, 2880)
        series = given[SeriesModelArguments]
        FAMILIES[series.model_type](vocab_size=None, **series.overrides())
        return
    assert model is not None
    data = next(arguments for arguments in parsed if isinstance(arguments, SourceArguments))
    assert isinstance(data, TokenDataArguments) is (script_of(path) == "run_token_classification")
    assert data.train_file or data.dataset_name
    if data.train_file is not None:
        # What stands after the first file is made by other recipes.
        first = Path(data.train_file.split(",")[0])
        assert not first.is_absolute()
        # Texts of language models lie together.
        of_language = isinstance(data, LanguageDataArguments)
        assert of_language or path.stem.startswith(first.parent.name)
    assert (
        report.dataset_hub_id or data.dataset_name or path.stem.startswith(("frases", "dates", "multi30k", "pt_ner"))
    )
    if isinstance(model, SequenceModelArguments):
        if model.model_type in (None, "gru", "lstm"):
            ENCODER_DECODERS[f"{model.model_type or 'gru'}-encoder-decoder"](**_of_ten_tokens(model.overrides()))
    elif model.model_name_or_path is None:
        of_words = {"word_vocab_size": 10, **TAGGER_DEFAULTS} if WordArguments in given else {}
        # Refuses a name that does not exist and a value out of its range.
        FAMILIES[model.model_type or DEFAULT_FAMILY](**{**of_words, **model.overrides()})
        if WordArguments in given:
            assert model.overrides().keys() >= NEW_DROPOUT.keys()


def _of_ten_tokens(overrides: dict[str, Any]) -> dict[str, Any]:
    return {**overrides, **{part: {"vocab_size": 10, **overrides.get(part, {})} for part in ("encoder", "decoder")}}


def test_there_are_recipes_of_each_script() -> None:
    scripts = {
        "run_text_classification",
        "run_token_classification",
        "run_one_shot",
        "run_language_modeling",
        "run_sequence_to_sequence",
        "run_time_series",
    }
    assert scripts <= {script_of(path) for path in RECIPES}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_what_a_published_recipe_starts_with_is_settled_by_it(path: Path) -> None:
    """No encoder that is bundled later gets into the figures that a recipe has published."""
    groups = find_task(json.loads(path.read_text())["task"]).groups
    if ModelArguments not in groups or LanguageDataArguments in groups:
        return
    given, _ = parse_arguments(HfArgumentParser(groups), [str(path)])
    model = next(group for group in given if isinstance(group, ModelArguments))
    tokenizer = next(group for group in given if isinstance(group, TokenizerArguments | WordArguments))
    before = (model.model_name_or_path, model.model_type)
    start_from_base(model, tokenizer, "en")
    assert (model.model_name_or_path, model.model_type) == before


def new_models_of_tokens() -> list[Path]:
    """The recipes of trainings and searches that start from nothing."""
    tasks = ("text-classification", "sentence-similarity", "text-generation")
    paths = [*RECIPES, *sorted((RECIPES[0].parent / "search").glob("*.json"))]
    read = {path: json.loads(path.read_text()) for path in paths}
    trained = {"model_name_or_path", "init_from_lm"}
    return [path for path, values in read.items() if values.get("task") in tasks and not trained & values.keys()]


@pytest.mark.parametrize("path", new_models_of_tokens(), ids=lambda path: path.stem)
def test_a_published_figure_depends_on_no_default_that_was_chosen_later(path: Path) -> None:
    """What a new model's tokenizer is, and how fast it learns, changes with what is found to be good."""
    values = json.loads(path.read_text())
    if "search_space" in values:
        values |= json.loads((path.parent / Path(values["search_space"]).name).read_text())
    assert {"tokenizer_kind", "learning_rate"} <= values.keys()


def test_there_are_recipes_of_new_models() -> None:
    named = {path.stem for path in new_models_of_tokens()}
    assert {"imdb_bilstm", "classic_seven", "ptb_lstm"} <= named
