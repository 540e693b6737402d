"""A task as its folder describes it, and the one way in which every task is run."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from transformers import set_seed

from ..kernels.loading import build_and_load
from ..runs.fingerprint import check_fingerprint
from ..runs.folder import checkpoint_to_resume
from ..runs.foreign import refuse_foreign_folder
from ..runs.kinds import Kind, find_kind
from ..runs.lock import run_lock
from ..training.arguments import RecurrentTrainingArguments
from .arguments import ModelArguments, ReportArguments
from .given import facts_given
from .run import TrainingTask, run_task
from .start import check_start
from .test_set import TestData


__all__ = ["Task"]


Group = TypeVar("Group")


@dataclass(frozen=True)
class Task:
    """The code of a task. What is plain data of it is its row in `hf_rnn.runs.kinds.KINDS`.

    Attributes:
        name: The task's name in the table.
        groups: The argument dataclasses, in the order of its script. `ReportArguments` and the training arguments are
            among them. Those at the end that are not given have their defaults.
        load: Takes an instance of each group but the report's, in this order, as `checkpoint` the folder of the
            checkpoint that a run goes on from, and as `language` that of the texts, None where it is to be found;
            gives what is to be trained.
        test_data: How the test set of a comparison is read and measured; None: its models are not compared.
        check: Raises what is wrong with the arguments (a tuple in the order of `groups`) before anything is read.
    """

    name: str
    groups: tuple[type, ...]
    load: Callable[..., TrainingTask]
    test_data: TestData | None = None
    check: Callable[[tuple[Any, ...]], None] | None = None

    @property
    def kind(self) -> Kind:
        """The row of the table."""
        return find_kind(self.name)

    @property
    def aliases(self) -> tuple[str, ...]:
        """Other names that are understood."""
        return self.kind.aliases

    @property
    def script(self) -> str | None:
        """The script that people run it with from a checkout."""
        return self.kind.script

    def prepare(self, *arguments: Any, checkpoint: str | None = None) -> TrainingTask:
        """Read the data and build what is to be trained, from the seed of the training arguments.

        Args:
            arguments: An instance of each of `groups`; that of the report may be left out, and gets the `language`
                that is found. Those of the model get the pretrained weights that it starts from.
            checkpoint: The folder of the checkpoint that the run goes on from; its tokenizer is taken.

        Raises:
            ValueError: for arguments or data that do not fit together; the message names them.
        """
        build_and_load()
        set_seed(_only(arguments, RecurrentTrainingArguments).seed)
        given = [group for group in arguments if not isinstance(group, ReportArguments)]
        report = next((group for group in arguments if isinstance(group, ReportArguments)), ReportArguments())
        task = self.load(*given, checkpoint=checkpoint, language=report.language)
        report.language = task.language
        return task

    def run(self, arguments: Sequence[Any], recipe: str | None = None) -> dict[str, Any]:
        """Train (`do_train`), measure on train and validation (`do_eval`) and on test (`do_predict`), and write
        results.

        The run holds the lock of `output_dir` and goes on from its last whole checkpoint. `run_task` says what the
        folder ends with.

        Args:
            arguments: An instance of each of `groups`, in their order.
            recipe: The path of the file that the arguments came from.

        Returns:
            The document in `results.json`; of a process that writes none, its `metrics` alone.

        Raises:
            NothingToDoError: none of `do_train`, `do_eval` and `do_predict` was given.
            MissingExtraError: the extra `train` is not installed.
            ChangedRunError: the run was to go on with something else than it was begun with; the message names it.
            FolderInUseError: another process writes the folder.
            ForeignFileError: `output_dir` holds files that the run would write over, and no run wrote them.
            ValueError: for arguments or data that do not fit together; the message names them.
        """
        given = (*arguments, *(group() for group in self.groups[len(arguments) :]))
        training = _only(given, RecurrentTrainingArguments)
        check_start(training)
        # One of the processes of a run writes, and it holds the lock.
        with run_lock(training.output_dir or ".") if training.should_save else contextlib.nullcontext():
            # What follows may change the arguments.
            facts = facts_given(given) if training.do_train else {}
            if self.check is not None:
                self.check(given)
            refuse_foreign_folder(training.output_dir or ".")
            checkpoint = checkpoint_to_resume(training)
            if checkpoint is not None:
                check_fingerprint(checkpoint, facts)
            prepared = self.prepare(*given, checkpoint=checkpoint)
            own = (RecurrentTrainingArguments, ReportArguments)
            return run_task(
                prepared,
                training,
                next((group for group in given if isinstance(group, ModelArguments)), None),
                _only(given, ReportArguments),
                [group for group in given if not isinstance(group, own)],
                checkpoint=checkpoint,
                recipe=recipe,
                given=facts,
            )


def _only(arguments: Sequence[Any], kind: type[Group]) -> Group:
    return next(group for group in arguments if isinstance(group, kind))
