"""Two processes of one run: forks of this one that meet in a file, so that no port is taken and nothing loads twice."""

import contextlib
import os
import pickle
import signal
import sys
import traceback

import torch.distributed as dist

from secondthought.distributed.world import World

SIZE = 2


def start(root, work, *, timeout_s=60.0, size=SIZE):
    """Fork `size` processes that each run `work(world)`; returns their ids. Results and errors go to files."""
    children = []
    for rank in range(size):
        child = os.fork()
        if child == 0:  # pragma: no cover
            _live_and_die(root, work, rank, size, timeout_s)
        children.append(child)
    return children


def _live_and_die(root, work, rank, size, timeout_s):
    code = 1
    try:
        log = (root / f"{rank}.log").open("w")
        os.dup2(log.fileno(), 2)
        sys.stderr = log
        store = dist.FileStore(str(root / "store"), size)
        join = lambda timeout=timeout_s: World.join(store, rank, size, timeout)  # noqa: E731
        World.of_environment = staticmethod(join)  # for code that looks for torchrun
        found = work(rank, join)
        (root / f"{rank}.pickle").write_bytes(pickle.dumps(found))
        code = 0
    except KeyboardInterrupt:
        code = 130
    except BaseException as error:
        (root / f"{rank}.error").write_text(f"{type(error).__name__}: {error}")
        traceback.print_exc()
    finally:
        log.flush()
        os._exit(code)


def ended(children):
    """How each process ended: its exit code, or minus the signal."""
    statuses = [os.waitpid(child, 0)[1] for child in children]
    return [-os.WTERMSIG(s) if os.WIFSIGNALED(s) else os.WEXITSTATUS(s) for s in statuses]


def both(root, work, **settings):
    """What `work(rank, join)` returned in each of two processes.

    Where the C library ends one, they are started once more: in a fork torch's gloo was seen to spoil its heap, once in
    some hundred runs. What is wrong twice, and whatever Python can see, is a failure.
    """
    for place in (root, root / "again"):
        place.mkdir(parents=True, exist_ok=True)
        codes = ended(start(place, work, **settings))
        if not {-signal.SIGABRT, -signal.SIGSEGV} & set(codes):
            break
    assert codes == [0] * len(codes), f"{codes}\n{said(place)}"
    return [pickle.loads((place / f"{rank}.pickle").read_bytes()) for rank in range(len(codes))]


def said(root):
    """Everything that the processes wrote."""
    return "\n".join(f"--- {file.name}\n{file.read_text()}" for file in sorted(root.glob("*.log")))


def error_of(root, rank):
    """The error that ended a process, or None."""
    with contextlib.suppress(FileNotFoundError):
        return (root / f"{rank}.error").read_text()


def at_call(owner, name, number, *, action=lambda: os.kill(os.getpid(), signal.SIGKILL)):
    """Do `action` before call `number`, from 1, of `owner.name`. Only for a process that will not live."""
    original, count = getattr(owner, name), 0

    def wrapped(*args, **kwargs):
        nonlocal count
        count += 1
        if count == number:
            action()
        return original(*args, **kwargs)

    setattr(owner, name, wrapped)
