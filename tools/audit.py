"""Ask the advisory database of the Python package index whether a locked release has a known vulnerability: `make audit`.

Exit code 0: none is known; 1: some are; 2: the question couldn't be asked, for instance without a network.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[1]
_AUDIT = ["uv", "tool", "run", "--quiet", "--from", "pip-audit==2.10.1", "pip-audit"]
_AUDIT += ["--disable-pip", "--require-hashes", "--progress-spinner", "off", "--format", "json"]
_LOCKS = ("requirements/lock.txt", "requirements/torch.txt")


def main() -> int:
    """Ask, say what was found out, and return the exit code."""
    command = [*_AUDIT, *(part for lock in _LOCKS for part in ("-r", lock))]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        sys.stderr.write(done.stderr)
        packages = []
    lines, code = judge(packages)
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return code


def judge(packages: list[dict[str, Any]]) -> tuple[list[str], int]:
    """Return what to say of pip-audit's answer, and the exit code."""
    asked = [package for package in packages if "vulns" in package]
    skipped = [package["name"] for package in packages if "vulns" not in package]
    if not asked:
        return ["nothing was found out: the advisory database couldn't be reached"], 2
    lines = [
        f"{package['name']} {package['version']}: {vulnerability['id']}, fixed in"
        f" {', '.join(vulnerability['fix_versions']) or 'no release yet'}"
        for package in asked
        for vulnerability in package["vulns"]
    ]
    code = 1 if lines else 0
    lines.append(f"{len(asked)} releases were looked up, {len(lines)} vulnerabilities are known")
    if skipped:
        lines.append(f"not looked up: {', '.join(skipped)}")
    return lines, code


if __name__ == "__main__":
    sys.exit(main())
