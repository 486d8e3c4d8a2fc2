"""A real HTTP server on loopback, for as long as a context lasts."""

import contextlib
import socket
import threading
from http.server import ThreadingHTTPServer


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024  # beyond five, the default, the kernel drops a connection, and tries again after seconds

    def get_request(self):
        """Accept a connection that sends each piece at once: a body that waits for its head to arrive takes 40 ms."""
        connection, address = super().get_request()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection, address

    def handle_error(self, request, client_address):
        """A client that hangs up is part of the play."""


@contextlib.contextmanager
def listening(handler, port=0):
    """Answer by a handler class; yields the port, which is a free one unless it is given."""
    server = _Quiet(("127.0.0.1", port), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
