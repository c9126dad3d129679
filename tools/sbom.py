"""Write what is locked in `requirements/` as a bill of materials in CycloneDX's JSON: `make sbom`.

Each package of the development environment is a component with its release, the digests of its files and the environments that it
is for. The same lock files give the same bytes. https://cyclonedx.org/docs/1.6/json/
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[1]
_LOCKS = ("lock.txt", "torch.txt")
_PACKAGE = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)(?: ; ([^\\]+?))? \\$")
_DIGEST = re.compile(r"^    --hash=sha256:([0-9a-f]{64})")


def main() -> None:
    """Write the bill to the file that is named, by default `dist/somersault.cdx.json`."""
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else _ROOT / "dist" / "somersault.cdx.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(make_bill(), encoding="utf-8")
    sys.stdout.write(f"written: {out}\n")


def make_bill() -> str:
    """Return the bill of materials."""
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = "".join((_ROOT / "requirements" / name).read_text(encoding="utf-8") for name in _LOCKS)
    components = sorted(_components(text), key=lambda one: str(one["purl"]))
    name, version = project["name"], project["version"]
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, text + version)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": f"{name}@{version}",
                "name": name,
                "version": version,
                "licenses": [{"license": {"id": project["license"]}}],
            }
        },
        "components": components,
    }
    return json.dumps(bill, indent=2) + "\n"


def _components(lock: str) -> Iterator[dict[str, Any]]:
    """Yield each package of a lock file."""
    component: dict[str, Any] | None = None
    for line in lock.splitlines():
        if found := _PACKAGE.match(line):
            if component:
                yield component
            component = _component(*found.groups())
        elif component and (digest := _DIGEST.match(line)):
            component["hashes"].append({"alg": "SHA-256", "content": digest[1]})
    if component:
        yield component


def _component(name: str, version: str, marker: str | None) -> dict[str, Any]:
    purl = f"pkg:pypi/{re.sub(r'[-_.]+', '-', name).lower()}@{version}"
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        "hashes": [],
    }
    if marker:
        component["properties"] = [{"name": "somersault:environment", "value": marker.strip()}]
    return component


if __name__ == "__main__":
    main()
