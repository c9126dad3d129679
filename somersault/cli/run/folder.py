"""A run's folder: settings, secrets, progress and results."""

from __future__ import annotations

import dataclasses
import secrets
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from somersault.cli.invocation import own_command
from somersault.cli.run.config import RunConfig
from somersault.cli.run.lock import FolderLock
from somersault.cli.run.names import name_of
from somersault.domain.roles import Role
from somersault.domain.texts import check_name, check_path
from somersault.errors import (
    ConfigError,
    CorruptDataError,
    FailedPreconditionError,
    InvalidInputError,
    NotFoundError,
)
from somersault.formats.strict_json import dump_json, load_json
from somersault.processes.private_files import PRIVATE_FOLDER, tighten
from somersault.runtime.urls import run_folder_url
from somersault.storage.durable_files import replace_file
from somersault.storage.folder import PROBES
from somersault.storage.run_place import IN_FOLDER, check_has_no_links, is_in_folder, storage_url_now

__all__ = ["RunFolder"]

_FORMAT = 1
_GIVEN_LABELS = "labels-to-import.jsonl"
_OF_A_BEGINNING = {
    ".lock",
    PROBES,
    "logs",
    "segments",
    _GIVEN_LABELS,
    "tokens.json",
    ".tokens.json.new",
    ".config.json.new",
    f".{_GIVEN_LABELS}.new",
}


class RunFolder:
    """The files of one run. One process at a time uses a run: the one that holds the folder's lock."""

    def __init__(self, path: Path, *, command: str = "train") -> None:
        """Take the folder, which need not exist, and the command that will use it.

        Raises:
            InvalidInputError: its path isn't valid text.
        """
        # A folder that is a link keeps the name that it was given by; "..", which names none, is followed.
        place = path.resolve() if path.name in ("", "..") else path.absolute()
        self.path = check_path("run folder", place)
        self.command = command
        """The command that uses it."""
        self.database = self.path / "labels.sqlite"
        self.logs = self.path / "logs"
        self.curves = self.path / "tensorboard"
        self.progress = self.path / "progress.jsonl"
        self.summary = self.path / "summary.json"
        self.certificates = self.path / "certificates"
        self.tokens = self.path / "tokens.json"
        self.video = self.path / "policy.mp4"
        self.addresses = self.path / "addresses.json"
        self.earlier_addresses = self.path / ".addresses.json.earlier"
        self.given_labels = self.path / _GIVEN_LABELS
        """Given answers that the labeler hasn't imported yet."""
        self._config = self.path / "config.json"
        self._lock = FolderLock(self.path, command=command)

    @property
    def run_id(self) -> str:
        """The name of its run, or of the one to begin: the folder's own as far as that can name a run.

        Raises:
            CorruptDataError: its settings can't be read.
        """
        if not self._config.is_file():
            return name_of(self.path.name)
        return _run_id(self._config, _read_object(self._config))

    @property
    def storage_url(self) -> str:
        """The URL of this folder as its run's object store."""
        return run_folder_url(self.path, run_id=self.run_id)

    def settle_storage(self, given: str | None) -> str:
        """Return the store's URL from what was asked for: this folder if nothing was, or if it is meant."""
        is_own = given is None or is_in_folder(given, folder=self.path, run_id=self.run_id)
        return self.storage_url if given is None or is_own else given

    @property
    def path_now(self) -> Path:
        """Where the folder is now, if it was moved since it was locked; ``NEW`` if unknown."""
        whereabouts = self._lock.whereabouts
        return self.path if whereabouts is None else whereabouts.now() or Path("NEW")

    @property
    def open_command(self) -> str:
        """The command that serves the run's pages while it isn't trained."""
        return f"{own_command()} open {shlex.quote(str(self.path_now))}"

    def check_is_in_place(self) -> None:
        """Check that a locked folder is still where it was.

        Raises:
            FailedPreconditionError: it was moved or deleted.
        """
        if self._lock.whereabouts is not None:
            self._lock.whereabouts.check()

    def begin(self, config: RunConfig, *, fill: Callable[[], None] = lambda: None) -> None:
        """Make and lock the folder of a new run; a half-made one is made again.

        The settings are written last: a folder that has them holds a run.

        Args:
            config: The settings.
            fill: Stores what must be there from the start.

        Raises:
            FailedPreconditionError: something else is in it.
            ConfigError: it can't be made.
        """
        self.check_may_begin()
        try:
            self.path.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
            self.logs.mkdir(PRIVATE_FOLDER, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"run folder {self.path} can't be made ({error.strerror}); choose another --run-dir"
            ) from error
        self._take_lock()
        self.check_may_begin()  # another may have begun and ended it meanwhile
        self._write_tokens()
        fill()
        self.store_config(config)

    def fill(self, config: RunConfig) -> None:
        """Turn a private folder into a run's: new tokens, settings, and no logs."""
        self.logs.mkdir(PRIVATE_FOLDER, exist_ok=True)
        self._tighten()
        self._write_tokens()
        self.store_config(config)

    def _write_tokens(self) -> None:
        tokens = {role.value: secrets.token_hex(32) for role in Role}
        replace_file(self.tokens, dump_json(tokens, indent=2))

    def share(self) -> RunConfig:
        """Lock the run against training and opening without changing anything in it; return its settings.

        Raises:
            NotFoundError: no run is in it.
            FailedPreconditionError: another command is using it.
            CorruptDataError: its settings can't be read.
        """
        self._check_exists()
        self._lock.share()
        return self.read_config()

    def resume(self) -> RunConfig:
        """Lock the folder of an earlier run and return its settings.

        Raises:
            NotFoundError: no run is in it.
            FailedPreconditionError: another command is using it, or its objects are behind a link inside it.
            CorruptDataError: its settings can't be read.
        """
        self._check_exists()
        self._take_lock()
        config = self.read_config()
        check_has_no_links(self.path)
        return config

    def read_config(self) -> RunConfig:
        """Return the run's settings, locked or not.

        Raises:
            NotFoundError: no run is in the folder.
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
        run_id = _run_id(self._config, values)
        url = storage_url_now(config.storage_url, folder=self.path, run_id=run_id)
        return dataclasses.replace(config, storage_url=url)

    def user(self) -> str | None:
        """Return the command that is using the run, None if there is none."""
        return self._lock.user()

    def store_config(self, config: RunConfig) -> None:
        """Store the settings, which ``--resume`` reads."""
        is_own = is_in_folder(config.storage_url, folder=self.path, run_id=config.run_id)
        values = dataclasses.asdict(config) | ({"storage_url": IN_FOLDER} if is_own else {})
        self._write_object(self._config, {"format": _FORMAT, **values})

    def store_given_labels(self, rows: bytes) -> None:
        """Store rows of given answers until the labeler has imported them."""
        replace_file(self.given_labels, rows.decode())

    def store_summary(self, summary: Mapping[str, Any]) -> None:
        """Store the results."""
        self._write_object(self.summary, summary)

    def read_tokens(self) -> dict[Role, str]:
        """Return the run's tokens by role.

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
        """Return the newest complete row of the progress log, empty if there is none."""
        if not self.progress.is_file():
            return {}
        for line in reversed(self.progress.read_text(encoding="utf-8").splitlines()):
            try:
                row = load_json(line)
            except ValueError:  # cut off when the process was killed
                continue
            if isinstance(row, dict):
                return row
        return {}

    def release(self) -> None:
        """Release the lock."""
        self._lock.release()

    def __enter__(self) -> Self:
        """Return the folder itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Release the lock."""
        self.release()

    def check_may_begin(self) -> None:
        """Check that a run may begin here.

        Raises:
            FailedPreconditionError: something is in the folder already.
        """
        if self._config.exists():
            raise FailedPreconditionError(
                f"run folder {self.path} is not empty; add --resume to resume that run, or choose another"
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
                "leave out --resume to begin one"
                if self.command == "train"
                else "runs are in runs/ by default"
            )
            raise NotFoundError(f"no run in {self.path}, config.json is missing; {hint}")

    def _take_lock(self) -> None:
        self._lock.take()
        self._tighten()
        if self.addresses.exists():  # nobody is there until this life of the run has said so
            self.addresses.replace(self.earlier_addresses)

    def _tighten(self) -> None:
        """Close the folder to others, which earlier versions left open; what lies deeper is then closed with it."""
        inside = [*self.path.iterdir(), *(self.logs.iterdir() if self.logs.is_dir() else ())]
        tighten([self.path, *(path for path in inside if not path.is_symlink())])

    def _write_object(self, path: Path, values: Mapping[str, Any]) -> None:
        replace_file(path, dump_json(values, indent=2) + "\n")


def _run_id(config: Path, values: Mapping[str, Any]) -> str:
    """Return the run's name in its settings.

    Raises:
        CorruptDataError: there is none.
    """
    try:
        return check_name("run_id", str(values.get("run_id", "")))
    except InvalidInputError as error:
        raise CorruptDataError(f"{config}: {error}") from error


def _read_object(path: Path) -> dict[str, Any]:
    try:
        values = load_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CorruptDataError(f"{path} can't be read: {error.strerror}") from error
    except ValueError as error:
        raise CorruptDataError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(values, dict):
        raise CorruptDataError(f"{path} must hold one JSON object")
    return values
