"""The install that `make setup` makes."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUILD = """
import sys
sys.path.insert(0, "tools")
import packaging_backend
print(packaging_backend.build_editable(sys.argv[1], dict([sys.argv[2].split("=")]) if sys.argv[2] else None))
"""


def test_package_is_found_by_its_path(tmp_path: Path) -> None:
    """A finder comes after folders: beside a clone named `somersault`, that folder would be imported instead."""
    recipe = (ROOT / "tools/packages.sh").read_text(encoding="utf-8")
    setting = re.search(r"pip install -q -e .* --config-settings (\S+)", recipe)
    command = [sys.executable, "-c", BUILD, str(tmp_path), setting[1] if setting else ""]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (path,) = (archive.read(name).decode() for name in archive.namelist() if name.endswith(".pth"))
    assert path.strip() == str(ROOT)
