"""The folder of a run: its settings, its secrets, its progress and its results."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import re
import secrets
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from somersault.cli.ports import LOOPBACK
from somersault.errors import ConfigError, CorruptDataError, FailedPreconditionError, NotFoundError
from somersault.strict_json import dump_json
from somersault.types import Role, check_name

__all__ = ["RunConfig", "RunFolder", "find_folder", "next_folder"]

_FORMAT = 1
_MAX_STEM = 56  # leaves room for the number in a run's 64 characters
_OF_A_BEGINNING = {".lock", "logs", "tokens.json", ".tokens.json.new", ".config.json.new"}
_OBJECTS = ("segments", "policies", "checkpoints")  # in the run's folder unless another store was named


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """What a run was asked to be; stored when it begins and read again by ``--resume``."""

    task: str
    run_id: str
    seed: int
    label_budget: int
    """0 only in a reference run."""
    total_env_steps: int
    teacher: str
    """``none``, or as `somersault.teacher_kinds` reads it; a function's file by its absolute path."""
    pacing: str
    """``lockstep`` or ``free``."""
    is_reference: bool
    """Trains on the true reward, without labels."""
    has_web: bool
    web_port: int
    storage_url: str
    num_environments: int
    num_threads: int | None
    """None takes one a core. Where frames are pictures sums depend on it, so it is settled when the run begins."""
    precision: str = "float32"
    """``float32`` or ``bfloat16``: what a policy for pictures acts and learns in."""
    track: str | None = None
    """The experiment tracker that the curves go to beside TensorBoard; None goes to none."""
    web_host: str = LOOPBACK
    """Where the pages are served: loopback, or an address that other machines reach."""
    public_url: str = ""
    """Where others reach the pages, without a slash at the end; empty for this machine alone."""
    allowed_origins: tuple[str, ...] = ()
    """Origins of other front ends that may call the pages' gateway."""
    tls_certificate: str = ""
    """PEM file by whose certificate the pages are served; empty for none."""
    tls_key: str = ""
    """PEM file of the certificate's private key."""

    @property
    def is_labelled_by_people(self) -> bool:
        """Nobody else answers."""
        return self.teacher == "none" and not self.is_reference


class RunFolder:
    """Knows where everything of one run is. One process at a time works with a run: it holds the folder's lock."""

    def __init__(self, path: Path, *, command: str = "train") -> None:
        """Take the folder, which need not exist, and the command that is to work with it.

        Raises:
            InvalidInputError: the folder's name can't name a run.
        """
        self.path = path.absolute()
        self._command = command
        self.run_id = check_name("name of the run folder", self.path.name)
        self.database = self.path / "labels.sqlite"
        self.logs = self.path / "logs"
        self.curves = self.path / "tensorboard"
        self.progress = self.path / "progress.jsonl"
        self.summary = self.path / "summary.json"
        self.tokens = self.path / "tokens.json"
        self.video = self.path / "policy.mp4"
        self.addresses = self.path / "addresses.json"
        self.earlier_addresses = self.path / ".addresses.json.earlier"
        self._config = self.path / "config.json"
        self._lock_file = self.path / ".lock"
        self._lock: int | None = None

    @property
    def storage_url(self) -> str:
        """The object store that is the folder around this one, in which the run's keys lead into this one."""
        return f"file://{quote(str(self.path.parent))}"

    @property
    def open_command(self) -> str:
        """The command that shows the run's pages when nobody trains it."""
        return f"somersault open {shlex.quote(str(self.path))}"

    def begin(self, config: RunConfig) -> None:
        """Make the folder of a new run, locked; one whose making was cut off is made anew.

        The settings come last: where they are, a run has begun.

        Raises:
            FailedPreconditionError: there is something else in it already.
            ConfigError: it can't be made.
        """
        self._check_may_begin()
        try:
            self.logs.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"run folder {self.path} can't be made ({error.strerror}); choose another --run-dir"
            ) from error
        self._take_lock()
        self._check_may_begin()  # another may have begun and ended it meanwhile
        tokens = {role.value: secrets.token_hex(32) for role in Role}
        _write(self.tokens, dump_json(tokens, indent=2), mode=0o600)
        self.store_config(config)

    def resume(self) -> RunConfig:
        """Lock the folder of an earlier run and return its settings.

        Raises:
            NotFoundError: there is no run in it.
            FailedPreconditionError: another command works with it.
            CorruptDataError: its settings can't be read.
        """
        self._check_exists()
        self._take_lock()
        return self.read_config()

    def read_config(self) -> RunConfig:
        """Return the run's settings, whoever works with it.

        Raises:
            NotFoundError: there is no run in the folder.
            ConfigError: the folder was renamed, so that what it stored can't be found.
            CorruptDataError: the settings can't be read.
        """
        self._check_exists()
        values = _read_object(self._config)
        if values.pop("format", None) != _FORMAT:
            raise CorruptDataError(f"{self._config} is of another version of somersault; begin a new run")
        try:
            config = RunConfig(**{**values, "allowed_origins": tuple(values.get("allowed_origins", ()))})
        except TypeError as error:
            raise CorruptDataError(f"{self._config} lacks settings or has unknown ones ({error})") from error
        if config.run_id != self.run_id:
            raise ConfigError(
                f"run {config.run_id} lies in a folder of another name, {self.path}; give the folder its name"
                " back"
            )
        return dataclasses.replace(config, storage_url=self._storage_url_now(config.storage_url))

    def _storage_url_now(self, stored: str) -> str:
        """Return where the run's objects are: where they lie in the folder itself, wherever that was moved or copied."""
        has_objects = any((self.path / name).is_dir() for name in _OBJECTS)
        return self.storage_url if has_objects and stored.startswith("file:") else stored

    def user(self) -> str | None:
        """Return the command that works with the run now, None if there is none."""
        try:
            lock = os.open(self._lock_file, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return os.read(lock, _MAX_STEM).decode("utf-8", errors="replace").strip() or "train"
        finally:
            os.close(lock)
        return None

    def store_config(self, config: RunConfig) -> None:
        """Stores the settings that ``--resume`` shall find."""
        self._write_object(self._config, {"format": _FORMAT, **dataclasses.asdict(config)})

    def store_summary(self, summary: Mapping[str, Any]) -> None:
        """Stores the results."""
        self._write_object(self.summary, summary)

    def read_tokens(self) -> dict[Role, str]:
        """Gives the run's secrets by role.

        Raises:
            CorruptDataError: one is missing.
        """
        values = _read_object(self.tokens)
        try:
            return {role: str(values[role.value]) for role in Role}
        except KeyError as error:
            raise CorruptDataError(
                f"{self.tokens} has no token of the role {error}; begin a new run"
            ) from error

    def read_last_progress(self) -> dict[str, Any]:
        """Gives the newest whole row of the progress log, an empty one if there is none."""
        if not self.progress.is_file():
            return {}
        for line in reversed(self.progress.read_text(encoding="utf-8").splitlines()):
            try:
                row = json.loads(line)
            except ValueError:  # cut off when the process was killed
                continue
            if isinstance(row, dict):
                return row
        return {}

    def release(self) -> None:
        """Lets another process work with the run."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        """Gives the folder itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Releases the lock."""
        self.release()

    def _check_may_begin(self) -> None:
        if self._config.exists():
            raise FailedPreconditionError(
                f"run folder {self.path} is not empty; add --resume to go on with that run, or choose another"
                " --run-dir"
            )
        if not self._is_empty_or_half_made():
            raise FailedPreconditionError(
                f"run folder {self.path} is not empty, and no run is in it; choose another --run-dir"
            )

    def _is_empty_or_half_made(self) -> bool:
        if not self.path.is_dir():
            return True  # a file is refused where the folder is made
        names = {path.name for path in self.path.iterdir()}
        return names <= _OF_A_BEGINNING and not (self.logs.is_dir() and any(self.logs.iterdir()))

    def _check_exists(self) -> None:
        if not self._config.is_file():
            hint = (
                "leave --resume out to begin one"
                if self._command == "train"
                else "runs are in runs/ by default"
            )
            raise NotFoundError(f"no run in {self.path}, config.json is missing; {hint}")

    def _take_lock(self) -> None:
        user = self.user() or "train"
        self._lock = os.open(self._lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.release()
            raise FailedPreconditionError(
                f"run folder {self.path} is in use by another somersault {user}; wait for its end or stop it"
            ) from error
        os.truncate(self._lock, 0)
        os.write(self._lock, self._command.encode())
        if self.addresses.exists():  # nobody is there until this life of the run has said so
            self.addresses.replace(self.earlier_addresses)

    def _write_object(self, path: Path, values: Mapping[str, Any]) -> None:
        _write(path, dump_json(values, indent=2) + "\n", mode=0o644)


def find_folder(run: Path) -> Path:
    """Return a run's folder, which may be named as the pages name it: by the run's name alone, for one in ``runs/``."""
    run = run.expanduser()
    is_name = run.name == str(run) and not run.exists()
    return Path("runs") / run if is_name else run


def next_folder(runs: Path, task: str) -> Path:
    """Gives the first of ``TASK-1``, ``TASK-2``, … that is not there yet; what can't name a run becomes a hyphen."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", task)[:_MAX_STEM]
    number = 1
    while (runs / f"{stem}-{number}").exists():
        number += 1
    return runs / f"{stem}-{number}"


def _write(path: Path, text: str, *, mode: int) -> None:
    """Replaces a file whole, so that a reader or a crash never meets half of it."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)


def _read_object(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CorruptDataError(f"{path} can't be read: {error.strerror}") from error
    except ValueError as error:
        raise CorruptDataError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(values, dict):
        raise CorruptDataError(f"{path} must hold one JSON object")
    return values
