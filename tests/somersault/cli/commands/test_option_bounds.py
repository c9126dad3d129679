"""Every option of every command has bounds, and what is out of them is refused before anything is made.

Generated from the commands themselves: an option that declares no `Value` fails here.
"""

from __future__ import annotations

import inspect
import json
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer

from somersault.cli.command_line import app, main
from somersault.cli.options.values import Choice, Parsed, Place, RealNumber, Text, Value, WholeNumber
from somersault.domain.bounds import MAX_SEED, MAX_TEXT

_GLOBAL = typer.models.ParameterInfo


@dataclass(frozen=True)
class Option:
    """One option, or argument, of one command."""

    command: tuple[str, ...]
    name: str
    """Its flag, or its argument's name."""
    is_argument: bool
    kind: type
    value: Value | None

    def line(self, given: str) -> list[str]:
        """A command line that gives it this value, and others what they must have."""
        needed = NEEDED.get(self.command, [])
        if self.is_argument:
            names = [one.name for one in OPTIONS if one.command == self.command and one.is_argument]
            before = [word for word in needed if not word.startswith("--")][: names.index(self.name)]
            flags = [word for word in needed if word.startswith("--")]
            return [*self.command, *flags, "--", *before, given]
        return [*self.command, *needed, f"{self.name}={given}"]


NEEDED = {
    ("train",): ["pendulum"],
    ("open",): ["run"],
    ("eval",): ["run"],
    ("render",): ["run"],
    ("export",): ["run"],
    ("plot",): ["run"],
    ("compare",): ["run", "other"],
    ("import",): ["run", "file"],
    ("clone",): ["run", "copy"],
    ("compliance", "server"): ["--address=a:1"],
}


def _commands(group: typer.Typer, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for command in group.registered_commands:
        assert command.callback is not None
        yield (*path, command.name or command.callback.__name__), command.callback
    for inner in group.registered_groups:
        assert inner.typer_instance is not None
        yield from _commands(inner.typer_instance, (*path, str(inner.name)))


def _options() -> Iterator[Option]:
    for path, callback in _commands(app):
        hints = typing.get_type_hints(callback, include_extras=True)
        for name, parameter in inspect.signature(callback).parameters.items():
            if hints[name] is typer.Context:
                continue
            kind, *notes = typing.get_args(hints[name])
            info = next(note for note in notes if isinstance(note, _GLOBAL))
            is_argument = isinstance(info, typer.models.ArgumentInfo)
            declared = (info.default, *(getattr(info, "param_decls", None) or ()))
            flags = [flag for flag in declared if str(flag).startswith("--")]
            flag = name.upper() if is_argument else (flags or [f"--{name.replace('_', '-')}"])[0]
            leaf = next((k for k in (bool, int, float, Path, str) if k in _leaves(kind)), str)
            del parameter
            value = info.parser
            yield Option(path, flag, is_argument, leaf, value if isinstance(value, Value) else None)


def _leaves(kind: Any) -> list[Any]:
    parts = typing.get_args(kind)
    return [leaf for part in parts for leaf in _leaves(part)] if parts else [kind]


def _id(option: Option) -> str:
    return " ".join((*option.command, option.name))


OPTIONS = [option for option in _options() if option.kind is not bool]
FLAGS = [option for option in _options() if option.kind is bool]

_NEVER_PLAIN = ("a\x00b", "a\nb", "\x1b[31mred", "\udcff", "x" * (MAX_TEXT + 1))
_NO_NUMBERS = ("nan", "inf", "-inf", "", "many", "1,5", "0x10", "true", "1e400", "9" * 5000)


def _bad_values(value: Value) -> Iterator[str]:
    """Yield what the value must not take, from what it declares."""
    yield from _NEVER_PLAIN
    match value:
        case WholeNumber():
            yield from _NO_NUMBERS
            yield from map(str, (value.least - 1, value.most + 1, 2**63, 2**64, -(2**63)))
            yield from ("1.5", "-1")
        case RealNumber():
            yield from _NO_NUMBERS
            yield from map(repr, (value.least - 1e-3, value.most * 1.001, 1e308))
        case Choice():
            yield from ("", "no such word", value.choices[0].upper() + "x")
        case Place():
            yield from ("", "x" * 256)
        case Text():
            yield from [""] if value.least else []
        case Parsed():
            yield from ["no such form"] if value.may_be_empty else ["", "no such form"]


def _good_values(value: Value) -> Iterator[str]:
    match value:
        case WholeNumber() | RealNumber():
            yield from [str(value.least)]
            yield from [] if getattr(value, "_is_below", False) else [str(value.most)]
        case Choice():
            yield from value.choices


@pytest.mark.parametrize("option", OPTIONS, ids=_id)
def test_every_option_declares_its_bounds(option: Option) -> None:
    """A number has two of them; a text and a path have a length."""
    assert isinstance(option.value, Value), "give it parser= of somersault.cli.options.values"
    needed: dict[type, type | tuple[type, ...]] = {int: WholeNumber, float: RealNumber, Path: Place}
    kinds = needed.get(option.kind, (Text, Choice, Parsed))
    assert isinstance(option.value, kinds)
    assert option.value.bound
    if isinstance(option.value, WholeNumber):
        assert -MAX_SEED <= option.value.least <= option.value.most <= MAX_SEED
    for given in _good_values(option.value):
        option.value(given)


@pytest.fixture
def nothing_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty folder to be in, in which nothing may be made, and no process may be started."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("subprocess.Popen", _refuse_to_start)
    monkeypatch.setattr("os.execv", _refuse_to_start)
    yield
    assert list(tmp_path.iterdir()) == []


def _refuse_to_start(*_: Any, **__: Any) -> Any:
    raise AssertionError("a process was started")


@pytest.mark.usefixtures("nothing_is_made")
@pytest.mark.parametrize("option", OPTIONS, ids=_id)
def test_what_is_out_of_bounds_is_one_line(option: Option, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2; the line names the option, the value and the bound, and is short."""
    assert option.value is not None
    bad = list(_bad_values(option.value))
    for given in bad:
        with pytest.raises(typer.BadParameter, match=r"^is .*, must "):
            option.value(given)
    if option.command == ("serve",):
        return  # a service's own flags are its own: tests/services/test_setting_bounds.py
    for given in (bad[0], bad[-1]):
        code = main(option.line(given))
        errors = capsys.readouterr().err
        assert code == 2, (given[:40], errors)
        (line,) = errors.splitlines()
        assert line.startswith(f"somersault: error: {option.name} is "), line
        assert ", must " in line
        assert len(line) < 500


@pytest.mark.usefixtures("nothing_is_made")
@pytest.mark.parametrize("option", FLAGS, ids=_id)
def test_a_flag_takes_no_value(option: Option, capsys: pytest.CaptureFixture[str]) -> None:
    """Not even one that looks like yes or no."""
    assert main(option.line("true")) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert option.name in line
    assert "No such option" not in line


@pytest.mark.usefixtures("nothing_is_made")
def test_json_is_told_too(capsys: pytest.CaptureFixture[str]) -> None:
    """Who reads standard output alone gets one object."""
    assert main(["train", "pendulum", "--labels=0", "--json"]) == 2
    told = capsys.readouterr()
    assert json.loads(told.out)["error"] in told.err


@pytest.mark.parametrize(
    ("value", "given", "taken"),
    [
        (WholeNumber(least=0, most=9), "-0", 0),
        (WholeNumber(least=0, most=10_000), "1_000", 1000),
        (RealNumber(least=0, most=1), "-0.0", 0.0),
        (Place(), "a/b", Path("a/b")),
    ],
)
def test_what_is_taken(value: Callable[[str], Any], given: str, taken: Any) -> None:
    """Negative zero is zero, without its sign."""
    assert (found := value(given)) == taken
    assert str(found) == str(taken)


def test_this_goes_over_all_commands() -> None:
    """None is left out by the way it is registered."""
    commands = {option.command for option in (*OPTIONS, *FLAGS)}
    assert {path for path, callback in _commands(app) if inspect.signature(callback).parameters} <= commands
