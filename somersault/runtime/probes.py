"""Tries what clips need, in a process of its own: a broken OpenGL library crashes the process that loads it.

All processes use what a probe finds: `settle_opengl` puts it in the environment variable that MuJoCo and Gymnasium
read.

python -P -m somersault.runtime.probes egl|osmesa|h264
"""

from __future__ import annotations

import asyncio
import importlib
import io
import subprocess
import sys
from fractions import Fraction

from somersault.errors import ConfigError
from somersault.processes.modules import module_command
from somersault.runtime.config import environment, set_environment

__all__ = ["check_drawing", "find_opengl", "settle_opengl", "try_probe"]

BACKENDS = ("egl", "osmesa")
INSTALL_OPENGL = (
    "install one of them (Debian and Ubuntu: apt-get install libegl1 libgl1-mesa-dri, or apt-get install libosmesa6;"
    " tools/system.sh does it)"
)
INSTALL_VIDEO = "reinstall the package av (pip install --force-reinstall av)"

_MODULE = "somersault.runtime.probes"
_VARIABLE = "MUJOCO_GL"
_TIMEOUT_S = 60.0
_SIZE_PX = 64
_SCENE = "<mujoco><worldbody><light pos='0 0 3'/><geom type='sphere' size='1' rgba='1 0 0 1'/></worldbody></mujoco>"


async def check_drawing(*, needs_opengl: bool, uses_opengl: bool = False) -> None:
    """Check that clips can be rendered and encoded here, and settle the library found for all processes.

    Args:
        needs_opengl: Whether clips are rendered from physics; games and other environments render themselves.
        uses_opengl: Whether an environment renders itself with MuJoCo, which may find a library that isn't tried here.

    Raises:
        ConfigError: they can't; the message says what to install.
    """
    if not (needs_opengl or uses_opengl):
        problem, video_problem = "", await try_probe("h264")
    else:
        (backend, problem), video_problem = await asyncio.gather(find_opengl(), try_probe("h264"))
        _settle(backend)
    if needs_opengl and problem:
        raise ConfigError(f"clips can't be rendered: {problem}; {INSTALL_OPENGL}")
    if video_problem:
        raise ConfigError(f"clips can't be encoded as H.264: {video_problem}; {INSTALL_VIDEO}")


def settle_opengl() -> None:
    """Let this process, and those that it starts, render with the library that works without a screen.

    Nothing changes if ``MUJOCO_GL`` is set already, or if no library works: rendering then reports that itself.
    """
    if not environment(_VARIABLE):
        _settle(next((backend for backend in BACKENDS if not _try(backend)), None))


def _settle(backend: str | None) -> None:
    if backend is not None and not environment(_VARIABLE):
        set_environment(_VARIABLE, backend)


async def find_opengl() -> tuple[str | None, str]:
    """Return the OpenGL library that renders without a screen and "", or None and what is wrong.

    ``MUJOCO_GL`` narrows the search to one, as it does for the simulator.
    """
    chosen = environment(_VARIABLE)
    if chosen and chosen not in BACKENDS:
        return None, f"MUJOCO_GL is {chosen!r}, must be unset or one of {', '.join(BACKENDS)}"
    problems = []
    for backend in (chosen,) if chosen else BACKENDS:
        problem = await try_probe(backend)
        if not problem:
            return backend, ""
        problems.append(f"{backend}: {problem}")
    return None, f"no OpenGL library works without a screen ({'; '.join(problems)})"


async def try_probe(name: str) -> str:
    """Run one probe and return what is wrong, "" if nothing is."""
    return await asyncio.to_thread(_try, name)


def _try(name: str) -> str:
    try:
        done = subprocess.run(
            module_command(_MODULE, name),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {_TIMEOUT_S:.0f} s"
    if done.returncode == 0:
        return ""
    lines = done.stderr.strip().splitlines()
    return lines[-1][:200] if lines else f"crashed with exit code {done.returncode}"


def _probe_opengl(backend: str) -> None:
    """Render a red ball and check that it is there."""
    mujoco = importlib.import_module("mujoco")
    numpy = importlib.import_module("numpy")
    context = importlib.import_module(f"mujoco.{backend}").GLContext(_SIZE_PX, _SIZE_PX)
    context.make_current()
    model = mujoco.MjModel.from_xml_string(_SCENE)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    resources = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100.value)
    mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, resources)
    scene = mujoco.MjvScene(model, maxgeom=10)
    camera, every = mujoco.MjvCamera(), mujoco.mjtCatBit.mjCAT_ALL.value
    camera.distance = 3.0
    mujoco.mjv_updateScene(model, data, mujoco.MjvOption(), None, camera, every, scene)
    view = mujoco.MjrRect(0, 0, _SIZE_PX, _SIZE_PX)
    mujoco.mjr_render(view, scene, resources)
    pixels = numpy.zeros((_SIZE_PX, _SIZE_PX, 3), numpy.uint8)
    mujoco.mjr_readPixels(pixels, None, view, resources)
    if not pixels[..., 0].any():
        raise RuntimeError("it renders nothing")


def _probe_h264() -> None:
    """Encode two black frames."""
    av = importlib.import_module("av")
    with av.open(io.BytesIO(), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(30))
        stream.width = stream.height = _SIZE_PX
        stream.pix_fmt = "yuv420p"
        for _ in range(2):
            container.mux(stream.encode(av.VideoFrame(_SIZE_PX, _SIZE_PX, "yuv420p")))
        container.mux(stream.encode())


def main(name: str) -> int:
    """Run a probe and return 0 if it succeeded; else the last line on standard error says what is wrong."""
    if name not in (*BACKENDS, "h264"):
        sys.stderr.write(f"no such library: {name}; one of {', '.join(BACKENDS)}\n")
        return 1
    try:
        _probe_h264() if name == "h264" else _probe_opengl(name)
    except Exception as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n".splitlines()[0] + "\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
