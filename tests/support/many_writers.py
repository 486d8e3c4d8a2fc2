"""Several writers that begin at the same moment."""

import threading

WRITERS = 8


def at_once(write):
    """Call `write` with a number in several threads that begin together; return what they raised."""
    barrier, raised = threading.Barrier(WRITERS), []

    def begin(number):
        barrier.wait()
        try:
            write(number)
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised
