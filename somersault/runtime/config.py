"""How a service gets its settings: defaults, then a file, then the environment, then flags; unknown keys are errors.

Each service's `config.py` holds one class derived from `ServiceConfig` with a docstring under each field; from these
docstrings come `--help` and the error messages. Every number must have both bounds (a test checks all of them), every text
a maximum length and no control characters. This is the only module that reads the environment.
"""

from __future__ import annotations

import os
import re
import tomllib
import typing
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

import pydantic
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    CliSettingsSource,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from somersault.domain.bounds import MAX_PORT, MAX_SECONDS
from somersault.domain.roles import Identity
from somersault.domain.task_spec import TaskSpec
from somersault.errors import ConfigError, InvalidInputError
from somersault.formats.strict_json import load_json
from somersault.runtime import setting_checks
from somersault.runtime.addresses import is_loopback, split_address
from somersault.runtime.setting_checks import Host
from somersault.runtime.urls import hide_secrets

__all__ = [
    "COMPONENT",
    "Component",
    "ServiceConfig",
    "environment",
    "inherited_environment",
    "load_config",
    "set_environment",
]

Config = TypeVar("Config", bound="ServiceConfig")

# pydantic-settings asks the class for its sources, so what a call of load_config has read can't be an argument.
_file_values: ContextVar[dict[str, Any]] = ContextVar("_file_values", default={})  # noqa: B039 - never changed


_UNKNOWN_FLAGS = "unrecognized arguments: "
_MAX_REASON = 300  # characters; what was given may be much longer


class _PlainListSource(EnvSettingsSource):
    """Reads lists as comma-separated values, as flags do, or as JSON: ``a,b`` or ``["a", "b"]``."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        if not _is_list(field.annotation):
            try:
                return super().decode_complex_value(field_name, field, value)
            except RecursionError as error:
                raise ConfigError(field_name, value, "JSON that is nested less deeply") from error
        if not value.lstrip().startswith("["):
            return [part.strip() for part in value.split(",") if part.strip()]
        try:
            return load_json(value)
        except ValueError as error:
            raise ConfigError(field_name, value, "comma-separated values or a JSON list") from error


def _is_list(annotation: Any) -> bool:
    return typing.get_origin(annotation) in (tuple, list)


COMPONENT = pydantic.ConfigDict(extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)
"""How the settings of a service's components are declared: each a frozen pydantic dataclass, so that `--ppo.learning-rate` works."""


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=COMPONENT)
class Component:
    """Settings of a service's component."""

    _check_given = pydantic.field_validator("*", mode="before")(setting_checks.check_given)
    _settle = pydantic.field_validator("*", mode="after")(setting_checks.settle)


class ServiceConfig(BaseSettings):
    """Settings that every service has."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        allow_inf_nan=False,
        env_nested_delimiter="__",
        validate_default=True,
        cli_avoid_json=False,
        cli_hide_none_type=True,
        cli_kebab_case=True,
        cli_implicit_flags=True,
        cli_exit_on_error=False,
    )

    identity: ClassVar[Identity | None] = None
    """Which service this is; what its certificate's name must end in."""

    has_port_for_browsers: ClassVar[bool] = False
    """Whether `port` is for people's browsers, which show no certificate."""

    host: Host = "127.0.0.1"
    """Address to listen on: a name, an IPv4 address, or an IPv6 address such as ::1. Loopback unless told otherwise."""

    port: int = pydantic.Field(default=0, ge=0, le=MAX_PORT)
    """Port to listen on; 0 takes a free one and logs it."""

    metrics_port: int | None = pydantic.Field(default=None, ge=0, le=MAX_PORT)
    """Port of the Prometheus endpoint /metrics; none unless given."""

    health_port: int | None = pydantic.Field(default=None, ge=0, le=MAX_PORT)
    """Port of gRPC's health checks alone, not encrypted, for probes that have no certificate; none unless given."""

    certificates_path: Path | None = None
    """Folder with tls.crt, tls.key and ca.crt in PEM, read again when they change. With it, connections between services are
    encrypted and both sides show who they are; without, services reach each other on one machine only."""

    is_plaintext_allowed: bool = False
    """Allow other machines without certificates: whoever can reach the port may then do what any service may."""

    identity_prefixes: tuple[Annotated[str, pydantic.Field(pattern=r"^spiffe://\S+$")], ...] = ()
    """What the names in callers' certificates begin with, such as spiffe://example.org/run-1/; a service's name, such as
    simulator, follows. Unless given, what its own name begins with."""

    max_connection_age_s: float | None = pydantic.Field(default=None, ge=1, le=MAX_SECONDS)
    """Seconds after which a connection is ended, so that callers come back by a balancer and with certificates that are
    still good; open calls then have a minute to end. None: never."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """debug, info, warning or error."""

    has_reflection: bool = False
    """Serves gRPC reflection, for development."""

    drain_s: float = pydantic.Field(default=0.5, ge=0, le=300)
    """Seconds that running calls get to end after SIGTERM; streams that are still open then are cut."""

    _check_given = pydantic.field_validator("*", mode="before")(setting_checks.check_given)
    _settle = pydantic.field_validator("*", mode="after")(setting_checks.settle)

    @pydantic.model_validator(mode="after")
    def _check_encryption(self) -> Self:
        if self.certificates_path is None and not self.is_plaintext_allowed:
            for field, host in self._hosts():
                if not is_loopback(host):
                    raise ValueError(
                        f"{field} is {host}, must be this machine (127.0.0.1, ::1 or localhost) unless certificates_path"
                        " encrypts what is sent there, or is_plaintext_allowed says that it needn't be"
                    )
        return self

    @property
    def has_public_port(self) -> bool:
        """Whether there is also a port where callers show a token instead of a certificate."""
        return False

    def _hosts(self) -> Iterator[tuple[str, str]]:
        """Yield each setting by which services reach each other, with its host."""
        if not self.has_port_for_browsers:
            yield "host", self.host
        for field in type(self).model_fields:
            value = getattr(self, field)
            if field.endswith(("_address", "_addresses")) and value:
                for address in (value,) if isinstance(value, str) else value:
                    yield field, split_address(field, address)[0]

    def as_logged(self) -> dict[str, Any]:
        """Return the settings without what must not be in a log."""
        values = self.model_dump(mode="json")
        return {name: hide_secrets(one) if isinstance(one, str) else one for name, one in values.items()}

    def check_for(self, spec: TaskSpec) -> None:
        """Check the settings against a task; `SomersaultError` says what doesn't fit.

        Args:
            spec: What is to be learned.
        """

    @classmethod
    def settings_customise_sources(  # noqa: D102 - pydantic-settings documents it
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - replaced by ours
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - a .env file is not read
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - nor a folder of secrets
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        file_settings = InitSettingsSource(settings_cls, init_kwargs=_file_values.get())
        return init_settings, _PlainListSource(settings_cls), file_settings


def load_config(config_type: type[Config], arguments: Sequence[str]) -> Config:
    """Return a service's settings from a ``--config FILE``, the environment and flags.

    The environment's names are ``SOMERSAULT_<SERVICE>_<FIELD>`` with ``__`` between the parts of nested fields.

    Raises:
        ConfigError: a key is unknown, or a value can't be used; says which, its value and its bound.
    """
    path, flags = _split_config_flag(arguments)
    token = _file_values.set(_read_file(path) if path else {})
    try:
        source: CliSettingsSource[Any] = CliSettingsSource(config_type, cli_parse_args=list(flags))
        return config_type(_cli_settings_source=source)
    except SettingsError as error:
        raise ConfigError(f"{_reason_of(error)[:_MAX_REASON]}; --help lists the settings") from error
    except pydantic.ValidationError as error:
        raise ConfigError(setting_checks.describe_first(error, config_type, _named_by_variable)) from error
    except InvalidInputError as error:
        raise ConfigError(str(error)) from error
    except RecursionError as error:
        raise ConfigError("a setting is nested too deeply; --help lists the settings") from error
    finally:
        _file_values.reset(token)


_SECRET_NAME = re.compile(r"SOMERSAULT_([A-Z]+_)?(STORAGE_ACCESS_KEY|STORAGE_SECRET_KEY|TOKEN)")


def environment(name: str, default: str | None = None) -> str | None:
    """Return an environment variable's value."""
    return os.environ.get(name, default)


def set_environment(name: str, value: str) -> None:
    """Set an environment variable, for libraries that read it and for processes that we start."""
    os.environ[name] = value


def inherited_environment(additions: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a process that we start: ours without anyone's secrets, and ``additions``."""
    kept = {name: value for name, value in os.environ.items() if not _SECRET_NAME.fullmatch(name)}
    return {**kept, **additions}


def _split_config_flag(arguments: Sequence[str]) -> tuple[Path | None, list[str]]:
    flags = list(arguments)
    if "--config" not in flags:
        return None, flags
    place = flags.index("--config")
    if place + 1 >= len(flags):
        raise ConfigError("--config needs the path of a TOML or JSON file")
    path = Path(flags[place + 1])
    del flags[place : place + 2]
    return path, flags


def _reason_of(error: SettingsError) -> str:
    """Return why the command line can't be read: of unknown flags the names alone, as a value may be a secret."""
    reason = " ".join(str(error).removeprefix("error parsing CLI: ").split())
    if not reason.startswith(_UNKNOWN_FLAGS):
        return hide_secrets(reason)
    names = [part.partition("=")[0] for part in reason.removeprefix(_UNKNOWN_FLAGS).split()]
    return f"{_UNKNOWN_FLAGS}{' '.join(name for name in names if name.startswith('-')) or 'a value without a flag'}"


def _read_file(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        values = load_json(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"config file {path} can't be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # the latter from TOML that is nested too deeply
        raise ConfigError(f"config file {path} is not valid: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"config file {path} must hold one table of settings")
    return values


def _named_by_variable(config_type: type[ServiceConfig], field: str) -> str:
    """Return " (VARIABLE)" if a setting was given by an environment variable, else ""."""
    name = f"{config_type.model_config['env_prefix']}{field.replace('.', '__')}".upper()
    return f" ({name})" if name in os.environ else ""
