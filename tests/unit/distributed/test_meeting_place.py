"""Processes of one attempt meet in a store that remembers dead ones; whoever does not come is named in time."""

import signal
import threading
import time
from datetime import timedelta

import pytest
import torch.distributed as dist
from two_processes import at_call, both, ended, start

from secondthought.distributed import meeting_place, waiting
from secondthought.distributed.meeting_place import of_attempt
from secondthought.errors import RunError

LONG, SHORT = 30.0, 0.4


def meet(store, size, *, ranks=None, timeout_s=LONG, late=()):
    """What each of these ranks found, by rank: its place or the error; those who are late come after the others."""
    found = {}

    def come(rank):
        time.sleep(0.2 if rank in late else 0.0)
        try:
            found[rank] = of_attempt(store, rank, size, timeout_s)
        except RunError as error:
            found[rank] = error

    threads = [threading.Thread(target=come, args=(rank,)) for rank in (range(size) if ranks is None else ranks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def assert_met(found, size):
    """All are in one place, where nobody has been before."""
    assert sorted(found) == list(range(size))
    for rank, place in found.items():
        assert isinstance(place, dist.PrefixStore), place
        assert not place.check([f"mark/{rank}"])
        place.set(f"mark/{rank}", "here")
    for place in found.values():
        assert place.check([f"mark/{rank}" for rank in range(size)])


def assert_named(found, sentence):
    for error in found.values():
        assert isinstance(error, RunError), error
        assert str(error).startswith(f"{sentence} missing from the meeting place for 0.4 s (train.timeout_s); see what")


@pytest.mark.parametrize("sizes", [(1, 1), (2, 2, 2), (4, 4), (3, 2, 1, 2, 4)])
def test_attempts_after_one_another_meet_apart(sizes):
    """Also where their number changes, and each rank is another process than before."""
    store = dist.HashStore()
    for size in sizes:
        assert_met(meet(store, size), size)


@pytest.mark.parametrize("late", [(0,), (1,), (2,), (0, 2)])
@pytest.mark.parametrize("stale", [False, True])
def test_the_others_wait_for_a_late_rank(late, stale):
    store = dist.HashStore()
    if stale:
        meet(store, 3)
    assert_met(meet(store, 3, late=late), 3)


CAME = {
    "the first alone": ([0], "ranks 1, 2 of 3 are"),
    "all but one": ([0, 1], "rank 2 of 3 is"),
    "all but the first": ([1, 2], "rank 0 of 3 is"),
}


@pytest.mark.parametrize("stale", [False, True])
@pytest.mark.parametrize("case", CAME)
def test_who_does_not_come_is_named_and_the_next_attempt_meets(case, stale):
    """Those who gave up leave their nonces, and where the first was there a call that some have answered."""
    came, sentence = CAME[case]
    store = dist.HashStore()
    if stale:
        meet(store, 3)
    assert_named(meet(store, 3, ranks=came, timeout_s=SHORT), sentence)
    assert_met(meet(store, 3), 3)


WRITES = {0: ("its nonce", "a call", "its answer"), 1: ("its nonce", "its answer")}


@pytest.mark.parametrize(
    ("victim", "number"), [(rank, at) for rank, writes in WRITES.items() for at, _ in enumerate(writes, 1)]
)
def test_a_process_may_be_killed_before_any_of_its_writes(tmp_path, victim, number):
    """Twice after one another, and then both come."""

    def killed(rank, join):
        if rank == victim:
            at_call(dist.PrefixStore, "set", number)
        of_attempt(dist.FileStore(str(tmp_path / "kept")), rank, 2, SHORT)

    def whole(rank, join):
        place = of_attempt(dist.FileStore(str(tmp_path / "kept")), rank, 2, LONG)
        place.set(f"mark/{rank}", "here")
        place.wait([f"mark/{other}" for other in range(2)], timedelta(seconds=LONG))

    for attempt in ("first", "second"):
        (tmp_path / attempt).mkdir()
        codes = ended(start(tmp_path / attempt, killed))
        assert codes[victim] == -signal.SIGKILL
        assert codes[1 - victim] == 1, "the other names it"
    both(tmp_path / "third", whole)


def test_whoever_waits_naps(monkeypatch):
    naps = []
    monkeypatch.setattr(waiting.time, "sleep", lambda seconds, sleep=time.sleep: (naps.append(seconds), sleep(seconds)))
    with pytest.raises(RunError, match="rank 1 of 2"):
        of_attempt(dist.HashStore(), 0, 2, SHORT)
    assert len(naps) < 20
    assert max(naps) <= 0.05


def test_a_store_that_is_gone_is_told(monkeypatch):
    def gone(*args):
        raise dist.DistNetworkError("Connection reset by peer")

    monkeypatch.setattr(meeting_place, "_read", gone)
    with pytest.raises(RunError, match=r"rank 0 lost torchrun, or rank 0, at the meeting place \(Connection reset"):
        of_attempt(dist.HashStore(), 0, 2, LONG)
