"""Freed memory goes back to the machine, in pieces too."""

import subprocess
import sys

import pytest

from secondthought.models import heap

PROBE = """
import os
from secondthought.models.heap import give_back

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

before = resident()
blocks = [bytearray(b"x" * 100_000) for _ in range(2_000)]  # below the size that is mapped apart
held = blocks[::10]
del blocks
kept = resident() - before
assert give_back()
print(kept, resident() - before)
"""


@pytest.mark.skipif(heap._malloc_trim() is None, reason="this C library has no malloc_trim")
def test_pieces_between_what_is_held_go_back():
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    kept, left = map(int, done.stdout.split())
    assert kept > 100_000_000
    assert left < 60_000_000


def test_without_such_a_call_nothing_happens(monkeypatch):
    monkeypatch.setattr(heap, "_malloc_trim", lambda: None)
    assert not heap.give_back()
