"""The process in which a model's code runs. It is a file of its own: only the standard library may be imported here.

    python -I -B child.py SECONDS BYTES MODULE,MODULE...

It imports what code may use, gives up every system call but those that computing needs (seccomp), and takes its limits
of time and memory. Then it says that it is ready, reads one job (a line of JSON), runs it, and answers with a line.
Files, sockets and processes cannot be opened any more, by nobody and in no way: the kernel refuses.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import io
import json
import math
import os
import platform
import resource
import signal
import struct
import sys
from typing import Any

_NO_NEW_PRIVILEGES, _SECCOMP, _FILTER = 38, 22, 2
_ALLOW, _REFUSE_EPERM, _KILL = 0x7FFF0000, 0x00050001, 0x80000000
_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_NUMBER_AT, _MACHINE_AT, _THIRD_ARGUMENT_AT = 0, 4, 32
_CALLS = {
    "read": (0, 63),
    "write": (1, 64),
    "fstat": (5, 80),
    "lseek": (8, 62),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "munmap": (11, 215),
    "brk": (12, 214),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sched_yield": (24, 124),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "getpid": (39, 172),
    "exit": (60, 93),
    "gettimeofday": (96, 169),
    "getrusage": (98, 165),
    "times": (100, 153),
    "sigaltstack": (131, 132),
    "gettid": (186, 178),
    "futex": (202, 98),
    "clock_gettime": (228, 113),
    "exit_group": (231, 94),
    "getrandom": (318, 278),
    "rseq": (334, 293),
}
"""System calls that are left, by their numbers on x86-64 and on 64-bit ARM: none opens, sends, starts or changes
anything outside the process, and none waits but for a lock."""
_SET_TIMER = (38, 103)
_READS = {
    "close": (3, 57),
    "stat": (4, 79),
    "lstat": (6, 79),
    "pread64": (17, 67),
    "getcwd": (79, 17),
    "readlink": (89, 78),
    "getdents64": (217, 61),
    "newfstatat": (262, 79),
}
"""Further ones of a process that may read files, beside `_OPEN` for reading alone."""
_OPEN = (257, 56)
_TO_WRITE = os.O_ACCMODE | os.O_CREAT | os.O_TRUNC | os.O_APPEND | getattr(os, "O_TMPFILE", 0) & ~os.O_DIRECTORY
"""Flags of an opening for anything but reading."""
_MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
"""The number of a machine for the kernel, and its column of `_CALLS`."""


class _Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("program", ctypes.c_void_p))


def give_up_system_calls(*, timers: bool = False, reads: bool = False) -> None:
    """Leave this process the system calls that computing needs, for good.

    With `timers` it may set those too; with `reads` it may open files for reading.

    Raises:
        OSError: the kernel, or this kind of machine, has no such filter.
    """
    known = _MACHINES.get(platform.machine())
    if known is None or sys.platform != "linux":
        raise OSError(f"{sys.platform} on {platform.machine()} has no filter of system calls that is known here")
    machine, column = known
    more = [*([_SET_TIMER] if timers else []), *(_READS.values() if reads else [])]
    allowed = [numbers[column] for numbers in (*_CALLS.values(), *more)]
    program = [(_LOAD, 0, 0, _MACHINE_AT), (_EQUAL, 1, 0, machine), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, _NUMBER_AT)]
    if reads:
        program += [(_EQUAL, 0, 4, _OPEN[column]), (_LOAD, 0, 0, _THIRD_ARGUMENT_AT), (_ANY_BIT, 1, 0, _TO_WRITE)]
        program += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSE_EPERM)]
    for place, number in enumerate(allowed):
        program.append((_EQUAL, len(allowed) - place, 0, number))
    program += [(_RETURN, 0, 0, _REFUSE_EPERM), (_RETURN, 0, 0, _ALLOW)]
    code = b"".join(struct.pack("HBBI", *step) for step in program)
    kept = ctypes.create_string_buffer(code, len(code))
    filter_ = _Filter(len(program), ctypes.addressof(kept))
    library = ctypes.CDLL(None, use_errno=True)
    for arguments in ((_NO_NEW_PRIVILEGES, 1, 0, 0, 0), (_SECCOMP, _FILTER, ctypes.byref(filter_), 0, 0)):
        if library.prctl(*arguments) != 0:
            raise OSError(ctypes.get_errno(), "the kernel refuses a filter of system calls")


def main(seconds: float, memory: int, modules: list[str]) -> None:
    """Run one job."""
    for module in modules:
        importlib.import_module(module)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    requests, sys.stdin = sys.stdin.buffer, io.StringIO()
    _limit_time(seconds)
    try:
        give_up_system_calls()
    except OSError as error:
        _reply({"refused": error.strerror or str(error)})
        return
    os.write(1, b"{}\n")
    job = json.loads(requests.readline())
    _reply(_run(job))


def _limit_time(seconds: float) -> None:
    """End the process when it has computed so long.

    Code may ignore the timer. The kernel's own limit, in whole seconds, it may not, and to set either anew is a system
    call that is given up.
    """
    used = sum(os.times()[:2])
    limit = math.ceil(used + seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
    signal.setitimer(signal.ITIMER_PROF, seconds)


def _run(job: dict[str, Any]) -> dict[str, Any]:
    """Run a program, then its cases or its tests; return what each of them gave."""
    names: dict[str, Any] = {"__name__": "answer"}
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(io.StringIO()):
        try:
            exec(compile(job["program"], "answer", "exec"), names)  # what this process is for
        except BaseException as error:
            return {"failed": _named(error)}
        results = [_case(names, job["function"], case) for case in job["cases"]]
        results += [_test(names, test) for test in job["tests"]]
    return {"results": results}


def _case(names: dict[str, Any], function: str, case: dict[str, Any]) -> dict[str, Any]:
    if not callable(names.get(function)):
        return {"raised": f"NameError: {function} is not defined"}
    try:
        value = names[function](*case["args"], **case.get("kwargs", {}))
        return {"value": json.loads(json.dumps(value))}
    except BaseException as error:
        return {"raised": _named(error)}


def _test(names: dict[str, Any], test: str) -> dict[str, Any]:
    try:
        exec(compile(test, "test", "exec"), names)
    except BaseException as error:
        return {"raised": _named(error)}
    return {"value": True}


def _named(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"[:200]
    except BaseException:
        return type(error).__name__


def _reply(reply: dict[str, Any]) -> None:
    os.write(1, json.dumps(reply).encode() + b"\n")
    os._exit(0)


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]), sys.argv[3].split(","))
