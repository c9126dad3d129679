"""EnvPool as a peer: from a virtual environment of its own, since it brings another MuJoCo and another numpy.

EnvPool bundles its physics, so its states couldn't be rendered with ours: it is measured beside us, not used.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

__all__ = ["install", "measure"]

_VERSION = "1.2.5"
_INSTALL_S, _MEASURE_S = 900, 120

_PROGRAM = """
import sys, time
import envpool, numpy
name, environments, threads, steps = sys.argv[1], *map(int, sys.argv[2:])
pool = envpool.make(name, env_type="gymnasium", num_envs=environments, num_threads=threads)
length = pool.action_space.shape[-1]
actions = numpy.random.default_rng(0).standard_normal((steps, environments, length)).clip(-1, 1)
pool.reset()
for action in actions[:20]:
    pool.step(action)
started = time.perf_counter()
for action in actions:
    pool.step(action)
print(steps * environments / (time.perf_counter() - started))
"""


def install(folder: Path) -> Path | None:
    """Return the Python of a virtual environment in ``folder`` that has EnvPool, made if it is not there.

    Prints why and gives None where it can't be had.
    """
    python = folder / "bin" / "python"
    try:
        if not python.exists():
            venv.create(folder, with_pip=True)
        if subprocess.run([python, "-c", "import envpool"], capture_output=True, check=False).returncode:
            command = [str(python), "-m", "pip", "install", "--quiet", f"envpool=={_VERSION}"]
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=_INSTALL_S)
    except (OSError, subprocess.SubprocessError) as error:
        detail = (getattr(error, "stderr", None) or str(error)).strip().splitlines()[-1:]
        print(f"envpool {_VERSION} is left out, it can't be installed: {' '.join(detail)}", file=sys.stderr)
        return None
    return python


def measure(python: Path, name: str, *, num_environments: int, num_threads: int, num_steps: int) -> float:
    """Return the steps per second of an EnvPool environment, with actions at hand: no policy, no network.

    Raises:
        subprocess.SubprocessError: it fails.
    """
    command = [str(python), "-c", _PROGRAM, name, *map(str, (num_environments, num_threads, num_steps))]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=_MEASURE_S)
    return float(done.stdout)
