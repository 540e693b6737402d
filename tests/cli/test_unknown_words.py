"""A word that no flag takes is refused with what was probably meant."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from hf_rnn.cli.flags import CommandParser


@dataclass
class Sample:
    """Flags for the tests."""

    target_columns: str | None = field(default=None, metadata={"help": "Columns, separated by commas."})
    num_train_epochs: int = field(default=3, metadata={"help": "Number of epochs."})
    learning_rate: float = field(default=0.1, metadata={"help": "Learning rate."})
    lr_scheduler_type: str = field(default="linear", metadata={"help": "Schedule."})
    lr_scheduler_kwargs: str = field(default="", metadata={"help": "Its values."})
    lasting: bool = field(default=True, metadata={"help": "Last."})


def parse(*words: str) -> Sample:
    (parsed,) = CommandParser([Sample], usage="[--flag value ...]", description=None).parse_args_into_dataclasses(
        words, look_for_args_file=False
    )
    assert isinstance(parsed, Sample)
    return parsed


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--epochs", "3"], "There is no flag `--epochs`; did you mean `--num_train_epochs`?"),
        (["--epochs=3"], "There is no flag `--epochs`; did you mean `--num_train_epochs`?"),
        (["--learning-rat-e", "3"], "There is no flag `--learning-rat-e`; did you mean `--learning_rate`?"),
        (["--lr", "3"], "There is no flag `--lr`; it is called `--learning_rate`."),
        (["--overwrite_output_dir"], "name another `--output_dir`, or remove the folder"),
        (["--zzz"], "There is no flag `--zzz`; `--help` lists the flags."),
        (
            ["--target_columns", "a", "b", "c", "--lasting", "false"],
            "`b` belongs to no flag; values of `--target_columns` are separated by commas: --target_columns a,b,c",
        ),
        (["--target_columns=a", "b"], "separated by commas: --target_columns a,b"),
        (["--learning_rate", "1", "2"], "`2` belongs to no flag: `--learning_rate` takes one value"),
        (
            ["--lr_scheduler_type", "2", "--learning_rate", "1", "2"],
            "`2` belongs to no flag: `--learning_rate` takes one value",
        ),
        (["loose"], "`loose` belongs to no flag; `--help` lists the flags."),
    ],
)
def test_unknown_words_are_refused_with_what_was_meant(words: list[str], said: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse(*words)
    assert said in str(refused.value)


def test_known_words_are_parsed() -> None:
    assert parse("--target_columns", "a,b", "--no_lasting", "--learning-rate", "1") == Sample(
        "a,b", learning_rate=1.0, lasting=False
    )
