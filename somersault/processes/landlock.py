"""Takes from this process, and from what it becomes, what it may do with files, except beneath paths that it is left.

By Landlock, which needs no privilege (the kernel's Documentation/userspace-api/landlock.rst,
https://docs.kernel.org/userspace-api/landlock.html). Only system calls and the standard library: `somersault.processes.launch`
runs it without site packages. Looking into folders and running programs is never taken.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
from collections.abc import Mapping

__all__ = ["ALL", "OF_A_FILE", "READ", "WRITE", "restrict", "why_not"]

# include/uapi/linux/landlock.h
READ = 1 << 2
"""Reading files."""

_WRITE_FILE, _REFER, _TRUNCATE = 1 << 1, 1 << 13, 1 << 14
_MAKE_AND_REMOVE = sum(1 << bit for bit in range(4, 13))
WRITE = _WRITE_FILE | _MAKE_AND_REMOVE | _REFER | _TRUNCATE
"""Changing, making, removing and moving files."""

ALL = READ | WRITE
"""Everything that can be taken."""

OF_A_FILE = READ | _WRITE_FILE | _TRUNCATE
"""What can be left for a path that is no folder."""

_LEAST_ABI = 3  # Linux 6.2: before, a file could be emptied by whoever may not write it
_MACHINES = ("x86_64", "aarch64", "riscv64")
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on each of those
_VERSION = 1  # LANDLOCK_CREATE_RULESET_VERSION
_PATH_BENEATH = 1  # LANDLOCK_RULE_PATH_BENEATH
_PR_SET_NO_NEW_PRIVS, _PR_CAPBSET_DROP = 38, 24
_CAP_SYS_ADMIN, _CAP_PERFMON = (
    21,
    38,
)  # either shows root the environment of any process, whatever Landlock says


class _Ruleset(ctypes.Structure):
    _fields_ = (("handled_access_fs", ctypes.c_uint64),)


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def why_not() -> str:
    """Return why this machine can't do it; "" if it can."""
    if sys.platform != "linux" or os.uname().machine not in _MACHINES:
        return "Landlock is of Linux on x86-64, ARM64 and RISC-V"
    try:
        abi = _call(_CREATE_RULESET, None, 0, _VERSION)
    except OSError as error:
        return f"the kernel, or the container's rules, refuse Landlock ({error.strerror})"
    return "" if abi >= _LEAST_ABI else "the kernel's Landlock is older than that of Linux 6.2"


def restrict(rights: Mapping[str, int]) -> None:
    """Leave this process, for good, what each path's rights say of the path and all beneath it.

    A path that is a link, or isn't there, is left out: what a link leads to has a path of its own.

    Raises:
        OSError: the kernel refuses; all files stay open then.
    """
    ruleset = _call(_CREATE_RULESET, ctypes.byref(_Ruleset(ALL)), ctypes.sizeof(_Ruleset), 0)
    try:
        for path, access in rights.items():
            _allow(ruleset, path, access)
        for capability in (_CAP_SYS_ADMIN, _CAP_PERFMON):  # refused to whoever isn't root, and so has neither
            _libc().prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
        if _libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0:
            raise _error()
        _call(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, access: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return
    try:
        rule = _PathBeneath(access, descriptor)
        _call(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0)
    except OSError:  # another kind of file than it was a moment ago, or of a kind that no rule is for
        return
    finally:
        os.close(descriptor)


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _call(number: int, *arguments: object) -> int:
    result = int(_libc().syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        raise _error()
    return result


def _error() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number), "Landlock")
