"""A meeting place is the part of torchrun's store in which the living processes of one attempt meet, and no others.

torchrun keeps one store for all attempts (`--max-restarts`), and in it what dead processes wrote. Nothing that it tells
a process names the attempt: the agent of each node counts its own restarts. So the processes name it. Each writes down
a nonce, a random name that no process had before. Rank 0 calls the nonces that it finds, and calls anew when one
changes. Each process answers the call that holds its nonce. A call that all have answered names the attempt: it holds
no nonce of a process that died before, since the dead do not answer.
"""

from __future__ import annotations

import hashlib
import uuid

from torch.distributed.distributed_c10d import PrefixStore, Store

from secondthought.distributed.waiting import looks, missing, store_errors

_WHAT = "the meeting place"


def of_attempt(store: Store, rank: int, size: int, timeout_s: float) -> Store:
    """Return the part of a store that the processes of this attempt share, when all have come.

    Raises:
        RunError: a rank did not come within the time limit.

    >>> from torch.distributed import HashStore
    >>> store = HashStore()
    >>> earlier, later = (of_attempt(store, rank=0, size=1, timeout_s=1.0) for _ in range(2))
    >>> earlier.set("address", "here")
    >>> earlier.check(["address"]), later.check(["address"])
    (True, False)
    """
    place, nonce, attempt = PrefixStore(_WHAT, store), uuid.uuid4().hex, ""
    with store_errors(rank, _WHAT):
        place.set(f"here/{rank}", nonce)
        for _ in looks(timeout_s):
            if rank == 0:
                _call(place, size)
            if nonce in (call := _read(place, "call")):
                attempt = hashlib.sha256(call.encode()).hexdigest()
                answers = [f"{attempt}/{other}" for other in range(size)]
                if not place.check([answers[rank]]):
                    place.set(answers[rank], "here")
                if place.check(answers):
                    break
        absent = [other for other in range(size) if not place.check([answers[other]])] if attempt else [0]
    if absent:
        raise missing(absent, size, f"from {_WHAT} for {timeout_s:g} s (train.timeout_s)")
    return PrefixStore(f"attempt {attempt}", store)


def _call(place: Store, size: int) -> None:
    """Call the nonces of all ranks, in their order; nothing stands for a rank that never came."""
    call = ",".join(_read(place, f"here/{rank}") for rank in range(size))
    if call != _read(place, "call"):
        place.set("call", call)


def _read(place: Store, key: str) -> str:
    """Read a key without waiting for it: nothing where it is not there."""
    return place.get(key).decode() if place.check([key]) else ""
