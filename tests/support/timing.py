"""How the time of a piece of work grows with its size: a ratio holds on a slow or busy core as on a fast one."""

import time


def cpu_seconds(work, *arguments, tries=3):
    """Return the least processor time of several calls, in seconds; another process on the machine adds nothing."""
    times = []
    for _ in range(tries):
        start = time.process_time()
        work(*arguments)
        times.append(time.process_time() - start)
    return min(times)


def slowness():
    """Return how many times as long as on an ordinary core this one takes now; 1 where it is no slower."""
    return max(1.0, cpu_seconds(lambda: sum(number * number for number in range(200_000))) / _ORDINARY_S)


_ORDINARY_S = 0.007
"""What that sum takes on a core of about 3 GHz."""


def assert_in_proportion(work, build, size, times=16, slack=4, noise=0.05):
    """Fail where `work(build(times * size))` takes `slack * times` as long as `work(build(size))`, three times over.

    Quadratic work takes `times ** 2` as long. `noise` is what the clock and the garbage collector may add, in seconds.
    """
    small, large = build(size), build(times * size)
    limit = slack * times * cpu_seconds(work, small) + noise
    taken = []
    while len(taken) < 3 and (not taken or taken[-1] > limit):
        taken.append(cpu_seconds(work, large, tries=1))
    assert min(taken) <= limit, f"{times} times the size took {min(taken):.3f} s, and {limit:.3f} s is in proportion"


def cut(unit, size):
    """Return a text of `size` code points that repeats `unit`."""
    return (unit * (size // len(unit) + 1))[:size]
