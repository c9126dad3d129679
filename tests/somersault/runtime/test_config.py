"""Where a service's settings come from, and what is said of those that can't be used."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pydantic
import pydantic.dataclasses
import pytest
from pydantic_settings import SettingsConfigDict

from somersault.errors import ConfigError
from somersault.runtime.config import ServiceConfig, environment, inherited_environment, load_config


@pydantic.dataclasses.dataclass(
    frozen=True, slots=True, kw_only=True, config=pydantic.ConfigDict(extra="forbid")
)
class PartConfig:
    """A nested component."""

    rate: float = 0.5
    num_rounds: int = 3


class ExampleConfig(ServiceConfig):
    """Settings of no service there is."""

    model_config = SettingsConfigDict(env_prefix="SOMERSAULT_EXAMPLE_")

    name: str
    """Something without a default."""

    seed: int = pydantic.Field(default=0, ge=0)
    """A bounded number."""

    part: PartConfig = PartConfig()

    places: tuple[str, ...] = ()
    """A list."""


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    """A file that sets one plain and one nested field."""
    path = tmp_path / "example.json"
    path.write_text(json.dumps({"name": "from-file", "seed": 1, "part": {"rate": 1.0, "num_rounds": 9}}))
    return path


def test_default_holds_where_nothing_is_said() -> None:
    """A field that nobody sets has its default."""
    assert load_config(ExampleConfig, ["--name", "a"]).seed == 0


def test_file_overrides_default(config_file: Path) -> None:
    """A file's value wins over the default."""
    assert load_config(ExampleConfig, ["--config", str(config_file)]).seed == 1


def test_environment_overrides_file(config_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment wins over the file, field by field."""
    monkeypatch.setenv("SOMERSAULT_EXAMPLE_SEED", "2")
    monkeypatch.setenv("SOMERSAULT_EXAMPLE_PART__RATE", "2.0")
    config = load_config(ExampleConfig, ["--config", str(config_file)])
    assert (config.seed, config.part) == (2, PartConfig(rate=2.0, num_rounds=9))


def test_flag_overrides_environment_and_file(config_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flag wins over everything, and leaves the nested fields beside it alone."""
    monkeypatch.setenv("SOMERSAULT_EXAMPLE_SEED", "2")
    flags = ["--config", str(config_file), "--seed", "3", "--part.rate", "3.0"]
    config = load_config(ExampleConfig, flags)
    assert (config.seed, config.part) == (3, PartConfig(rate=3.0, num_rounds=9))


def test_file_of_one_call_is_forgotten_by_the_next(config_file: Path) -> None:
    """What one call read does not reach another."""
    load_config(ExampleConfig, ["--config", str(config_file)])
    assert load_config(ExampleConfig, ["--name", "a"]).seed == 0


def test_toml_is_read(tmp_path: Path) -> None:
    """A file may be TOML."""
    path = tmp_path / "example.toml"
    path.write_text('name = "a"\n[part]\nrate = 4.0\n')
    assert load_config(ExampleConfig, ["--config", str(path)]).part.rate == 4.0


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ([], "name is required"),
        (["--name", "a", "--seed", "-1"], "seed is '-1': must be greater than or equal to 0"),
        (["--name", "a", "--seed", "x"], "seed is 'x': must be a valid integer"),
        (["--name", "a", "--sed", "1"], "unrecognized arguments: --sed;"),
        (["--name"], "--name: expected one argument"),
        (["--name", "a", "--port", "65536"], "port is '65536': must be less than or equal to 65535"),
        (["--config"], "--config needs the path"),
        (["--config", "/nowhere/example.json"], "/nowhere/example.json can't be read: No such file"),
    ],
)
def test_problem_is_one_line_that_names_field_and_value(flags: list[str], told: str) -> None:
    """What can't be used is named with its value and what would do, on one line."""
    with pytest.raises(ConfigError) as raised:
        load_config(ExampleConfig, flags)
    assert told in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"sed": 1, "name": "a"}', "sed is not a setting"),
        ('{"part": {"rat": 1}, "name": "a"}', "part.rat"),
        ("{", "is not valid"),
        ("[]", "must hold one table"),
    ],
)
def test_file_that_makes_no_sense_is_refused(tmp_path: Path, text: str, told: str) -> None:
    """Unknown keys and broken files are errors, never ignored."""
    path = tmp_path / "example.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=told):
        load_config(ExampleConfig, ["--config", str(path)])


def test_config_is_frozen() -> None:
    """Settings don't change while a service lives."""
    config = load_config(ExampleConfig, ["--name", "a"])
    with pytest.raises(pydantic.ValidationError):
        config.seed = 1


def test_inherited_environment_has_additions_over_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """A started process sees our environment and what was added to it."""
    monkeypatch.setenv("SOMERSAULT_EXAMPLE_SEED", "2")
    inherited = inherited_environment({"SOMERSAULT_EXAMPLE_SEED": "5", "SOMERSAULT_NEW": "6"})
    assert (inherited["SOMERSAULT_EXAMPLE_SEED"], inherited["SOMERSAULT_NEW"]) == ("5", "6")
    assert environment("SOMERSAULT_EXAMPLE_SEED") == "2"
    assert environment("SOMERSAULT_NEW", "none") == "none"


@pytest.mark.parametrize(
    ("value", "places"),
    [
        ("a", ("a",)),
        ("a,b", ("a", "b")),
        (" a , b,", ("a", "b")),
        ('["a", "b"]', ("a", "b")),
        ("", ()),
    ],
)
def test_a_list_from_the_environment_is_written_as_its_flag_is(
    value: str, places: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With commas between; JSON, as it had to be, is taken too."""
    monkeypatch.setenv("SOMERSAULT_EXAMPLE_PLACES", value)
    assert load_config(ExampleConfig, ["--name", "a"]).places == places
    assert load_config(ExampleConfig, ["--name", "a", "--places", "c,d"]).places == ("c", "d")


def test_a_list_that_is_neither_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The field, its value and what would do."""
    monkeypatch.setenv("SOMERSAULT_EXAMPLE_PLACES", '["a"')
    with pytest.raises(ConfigError, match=r"places is .*must be comma-separated values or a JSON list"):
        load_config(ExampleConfig, ["--name", "a"])


@pytest.mark.parametrize(
    ("module", "variable", "needed"),
    [
        ("services.web.config:WebConfig", "SOMERSAULT_WEB_ALLOWED_ORIGINS", "--labeler-address=localhost:1"),
        ("services.web.config:WebConfig", "SOMERSAULT_WEB_ALLOWED_HOSTS", "--labeler-address=localhost:1"),
        (
            "services.labeler.config:LabelerConfig",
            "SOMERSAULT_LABELER_SIMULATOR_ADDRESSES",
            "--database-url=sqlite:////tmp/x --storage-url=file:///tmp --is-plaintext-allowed",
        ),
    ],
)
def test_every_list_setting_takes_commas(
    module: str, variable: str, needed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that the services have today, by the names that operators set."""
    place, _, name = module.partition(":")
    config_type = getattr(importlib.import_module(place), name)
    values = ("a:1", "b:2") if variable.endswith("ADDRESSES") else ("https://a.example", "https://b.example")
    monkeypatch.setenv(variable, ",".join(values))
    field = variable.split("_", 2)[2].lower()
    config = load_config(config_type, needed.split())
    assert getattr(config, field) == values
