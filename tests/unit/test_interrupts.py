"""Ctrl-C and SIGTERM are held back while something must not be cut in two, and then do what they would have done."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from secondthought.interrupts import Terminated, held_back, terminable


def sent(*numbers):
    """Send signals to this process in a block that holds them back; return those that did not end it, and its end."""
    done = []
    try:
        with terminable(), held_back():
            for number in numbers:
                os.kill(os.getpid(), number)
                done.append(number)
    except KeyboardInterrupt as stop:
        return done, type(stop)
    return done, None


@pytest.mark.parametrize(("number", "kind"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)])
def test_a_signal_waits_for_the_end_of_the_block(number, kind):
    assert sent(number) == ([number], kind)
    assert sent() == ([], None)


def test_a_second_ctrl_c_does_not_wait():
    assert sent(signal.SIGINT, signal.SIGINT) == ([signal.SIGINT], KeyboardInterrupt)


def test_sigterm_after_ctrl_c_waits_too():
    """A study that is stopped by Ctrl-C sends SIGTERM to jobs that the terminal has told already."""
    assert sent(signal.SIGINT, signal.SIGTERM) == ([signal.SIGINT, signal.SIGTERM], KeyboardInterrupt)


def test_handlers_are_set_back_also_after_an_error():
    def fail():
        with terminable(), held_back():
            assert signal.getsignal(signal.SIGINT) is not before[0]
            raise ZeroDivisionError

    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(ZeroDivisionError):
        fail()
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_blocks_may_lie_in_each_other():
    with pytest.raises(KeyboardInterrupt), held_back():
        assert sent(signal.SIGINT) == ([signal.SIGINT], None)


def test_other_threads_and_processes_without_a_handler_are_left_alone():
    found = []

    def work():
        with terminable(), held_back():
            found.append(signal.getsignal(signal.SIGINT))

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [before]
    code = (
        "import os, signal; from secondthought.interrupts import held_back\n"
        "with held_back(): os.kill(os.getpid(), signal.SIGTERM)\n"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == -signal.SIGTERM
