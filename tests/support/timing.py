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
