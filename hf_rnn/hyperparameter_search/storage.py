"""The study of a hyper-parameter search: kept on disk, shared by processes, taken up again after any of them was
killed.

Optuna keeps the trials; what is added here:

- a study remembers what it was made for, and another search is refused (`open_study`);
- of several processes each asks for a trial in its turn, so that together they do as many as were asked for (`Turns`);
- a running trial says which process it is of, and when it was last seen. One whose process is gone is marked as failed
  and its parameters are tried again. Optuna's heartbeat does the same for databases; journals have none.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from filelock import BaseFileLock, FileLock


if TYPE_CHECKING:
    from optuna import Study
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial, Trial


__all__ = [
    "INTERRUPTED",
    "MADE_FOR",
    "PROCESS",
    "REASON",
    "RETRY_OF",
    "SEEN",
    "SEEN_SECONDS",
    "STALE_SECONDS",
    "StudyError",
    "Turns",
    "counts",
    "is_alive",
    "open_study",
    "study_lock",
    "this_process",
]


logger = logging.getLogger(__name__)

# Attributes of a study and of a trial.
MADE_FOR = "made_for"
CHECKSUMS = "checksums"
PROCESS = "process"
SEEN = "seen"
REASON = "reason"
INTERRUPTED = "interrupted"
RETRY_OF = "retry_of"
# A process on another machine that was not seen for so long is taken for dead; it says that it lives as often as this.
STALE_SECONDS = 600.0
SEEN_SECONDS = 30.0
# How long a trial may take from being asked for to saying whose it is.
_BEGINNING_SECONDS = 60.0
# SQLite: how long to wait for another process that writes.
_BUSY_SECONDS = 60.0


Direction = Literal["maximize", "minimize"]


class StudyError(RuntimeError):
    """The study cannot be used: it is of another search, or its storage cannot be read or written."""


def open_study(
    location: str, name: str, direction: Direction, made_for: Mapping[str, Any], lock: BaseFileLock
) -> tuple[Study, BaseStorage]:
    """The study `name`, created if it is not there, in the file or database `location`.

    Args:
        location: See [`SearchArguments.storage`].
        made_for: The task, the data, the space and the arguments that all its trials share.
        lock: Which the processes that share the study have in common.

    Raises:
        StudyError: the storage cannot be opened or written, or the study was made for something else; names it.
    """
    import optuna

    with _named(location), lock:
        storage = _storage(location)
        study = optuna.create_study(storage=storage, study_name=name, direction=direction, load_if_exists=True)
        known = study.user_attrs.get(MADE_FOR)
        if known is not None:
            # A study of an earlier version has no checksums of its rows.
            if CHECKSUMS in made_for and CHECKSUMS not in known:
                known = known | {CHECKSUMS: made_for[CHECKSUMS]}
            _check_same(known, dict(made_for), f"The study {name!r} in {location!r}", "")
        elif study.get_trials(deepcopy=False):
            raise StudyError(f"The study {name!r} in {location!r} was not made by this search; name another.")
        # Written even if it is there: a storage that can't be is found out before a trial is run.
        study.set_user_attr(MADE_FOR, dict(made_for))
    return study, storage


def study_lock(location: str, output: str | Path) -> BaseFileLock:
    """One lock for a file that processes share; for a database, one for those that share `output`."""
    path = Path(output) / "study.lock" if "://" in location else Path(f"{location}.turn.lock")
    with _named(location):
        path.parent.mkdir(parents=True, exist_ok=True)
        # The lock itself would wait for ever where no file can be made.
        path.touch()
    return FileLock(path)


@contextlib.contextmanager
def _named(location: str) -> Iterator[None]:
    """Raise what storages raise as an error that names the storage."""
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (OSError, ImportError, StorageInternalError, SQLAlchemyError) as error:
        raise StudyError(f"`storage`={location!r} cannot be read and written: {error}") from error


def _storage(location: str) -> BaseStorage:
    from optuna.storages import JournalStorage, RDBStorage, get_storage
    from optuna.storages.journal import JournalFileBackend

    if location.endswith(".log"):
        return JournalStorage(JournalFileBackend(location))
    if "://" in location:
        return get_storage(RDBStorage(location))
    options = {"connect_args": {"timeout": _BUSY_SECONDS}}
    return get_storage(RDBStorage(f"sqlite:///{location}", engine_kwargs=options))


def _check_same(known: Any, asked: Any, study: str, path: str) -> None:
    if isinstance(known, dict) and isinstance(asked, dict):
        for key in [*known, *(key for key in asked if key not in known)]:
            _check_same(known.get(key, "absent"), asked.get(key, "absent"), study, f"{path}.{key}" if path else key)
    elif known != asked:
        raise StudyError(
            f"{study} was made for another search: `{path}` is {known!r} there and {asked!r} here. Name another "
            "`study_name` or `storage`, or search as before."
        )


class Turns:
    """Says whose turn the next trial is, so that all processes together do `n_trials`.

    A trial counts once it has begun, however it ends; one whose process was killed does not.

    Args:
        study: Shared by the processes.
        n_trials: The trials of the study, all in all.
        lock: Shared by the processes as well.
    """

    def __init__(self, study: Study, n_trials: int, lock: BaseFileLock) -> None:
        self.study = study
        self.n_trials = n_trials
        self._lock = lock

    @contextlib.contextmanager
    def next(self) -> Iterator[int | None]:
        """The number of trials there are, if there is one to do, else None.

        In the block no other process has its turn, until [`begin`] is called by the trial or the block ends.
        """
        self._lock.acquire()
        try:
            self._bury_the_dead()
            trials = self.study.get_trials(deepcopy=False)
            waiting = any(trial.state.name == "WAITING" for trial in trials)
            begun = sum(counts(trial) and trial.state.name != "WAITING" for trial in trials)
            yield len(trials) if waiting or begun < self.n_trials else None
        finally:
            self._lock.release()

    def begin(self, trial: Trial) -> None:
        """Say that `trial` is of this process, and let the others have their turns."""
        trial.set_user_attr(PROCESS, this_process())
        trial.set_user_attr(SEEN, time.time())
        self._lock.release()

    def others_running(self) -> bool:
        """Whether another process has a trial that runs."""
        return any(trial.state.name == "RUNNING" for trial in self.study.get_trials(deepcopy=False))

    def _bury_the_dead(self) -> None:
        from optuna.trial import TrialState

        for trial in self.study.get_trials(deepcopy=True, states=(TrialState.RUNNING,)):
            if is_alive(trial):
                continue
            logger.warning("Trial %d was interrupted; its parameters are tried again.", trial.number)
            storage, number = self.study._storage, trial._trial_id
            storage.set_trial_user_attr(number, INTERRUPTED, True)
            storage.set_trial_user_attr(number, REASON, "its process ended")
            self.study.tell(trial.number, state=TrialState.FAIL)
            if trial.params:
                retried = trial.user_attrs.get(RETRY_OF, trial.number)
                self.study.enqueue_trial(trial.params, user_attrs={RETRY_OF: retried})


def counts(trial: FrozenTrial) -> bool:
    """Whether a trial is one of those that were asked for: not one that was cut short and is done again."""
    return not trial.user_attrs.get(INTERRUPTED, False)


def this_process() -> dict[str, Any]:
    """Make a name that tells this process from all others."""
    import psutil

    # A number is given to another process later; both together are not.
    return {"host": socket.gethostname(), "pid": os.getpid(), "started": psutil.Process().create_time()}


def is_alive(trial: FrozenTrial) -> bool:
    """Whether the process of a running trial still works on it, as far as can be told from here."""
    import psutil

    process = trial.user_attrs.get(PROCESS)
    if process is None:
        # It has just begun, or its process was killed before it could say whose the trial is.
        begun = trial.datetime_start.timestamp() if trial.datetime_start else 0.0
        return time.time() - begun < _BEGINNING_SECONDS
    if process["host"] != socket.gethostname():
        return bool(time.time() - trial.user_attrs.get(SEEN, 0.0) < STALE_SECONDS)
    try:
        return bool(abs(psutil.Process(process["pid"]).create_time() - process["started"]) < 1)
    except psutil.NoSuchProcess:
        return False
