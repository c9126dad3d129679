"""The addresses of a run's services, stored in its folder for other programs and later lives of the run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from somersault.cli.services.ports import choose_ports, is_free
from somersault.formats.strict_json import dump_json, load_json
from somersault.storage.durable_files import replace_file

__all__ = ["Addresses", "choose_labeler_port", "read_addresses"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where others reach a run. Tokens are kept apart, in ``tokens.json``."""

    labeler: str
    """``host:port`` of the labeler's gRPC server for front ends, which show a token; empty in a reference run."""
    web: str
    """The pages' URL, such as ``http://127.0.0.1:8400``; empty if none are served."""
    labeler_of_tools: str = ""
    """``host:port`` of the labeler for the run's services and own tools, which show a certificate; empty in older runs."""

    def store(self, path: Path) -> None:
        """Write them to a file atomically."""
        replace_file(path, dump_json(asdict(self), indent=2) + "\n")


def read_addresses(path: Path) -> Addresses:
    """Return what the run's last life stored; empty addresses if nothing can be read."""
    try:
        values = load_json(path.read_text(encoding="utf-8"))
        return Addresses(
            labeler=str(values["labeler"]),
            web=str(values["web"]),
            labeler_of_tools=str(values.get("labeler_of_tools", "")),
        )
    except (OSError, ValueError, KeyError, TypeError):  # an older run, or one that never came so far
        return Addresses(labeler="", web="")


def choose_labeler_port(path: Path) -> int:
    """Return a free port for the labeler, if possible that of the run's last life so that clients find it again."""
    port = read_addresses(path).labeler.rpartition(":")[2]
    return int(port) if port.isdigit() and is_free(int(port)) else choose_ports(1)[0]
