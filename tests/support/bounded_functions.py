"""Functions that are called in another process by the tests of `tasks.bounded`."""

from __future__ import annotations

import os
import sys


def add(one, other):
    """Return a sum, and print what is no reply."""
    sys.stdout.write("not a reply\n")
    return one + other


def spin():
    """Never end, in one call of C."""
    return sum(range(10**15))


def swell():
    """Take all memory."""
    return len([bytes(10**8) for _ in range(1000)])


def give_up():
    """End the process."""
    os._exit(3)


def fail():
    """Raise."""
    raise KeyError("x")


def odd():
    """Return what is no JSON."""
    return object()


def process():
    """Return the number of the process."""
    return os.getpid()
