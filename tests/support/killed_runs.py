"""Runs that end at one point as `kill -9`, a power cut or Ctrl-C would end them."""

import os
import signal
import traceback

from secondthought.train.run import execute

INTERRUPTED = 130


def at_call(owner, name, number, *, after=False, action=lambda: os.kill(os.getpid(), signal.SIGKILL)):
    """Do `action` before (or after) call `number`, from 1, of `owner.name`. Only for a process that will not live."""
    original, count = getattr(owner, name), 0

    def wrapped(*args, **kwargs):
        nonlocal count
        count += 1
        if count == number and not after:
            action()
        value = original(*args, **kwargs)
        if count == number:
            action()
        return value

    setattr(owner, name, wrapped)


def run_and_die(config, *, patch, resume=False):
    """Run in a fork until the patch ends it; returns how it ended."""
    return fork_and_die(lambda: execute(config, resume=resume, quiet=True), patch)


def fork_and_die(work, patch):
    """Do `work` in a fork until the patch ends it; returns how it ended."""
    child = os.fork()
    if child == 0:  # pragma: no cover
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
            patch()
            work()
        except KeyboardInterrupt:
            os._exit(INTERRUPTED)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
