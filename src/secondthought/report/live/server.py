"""The server of a live report answers this machine alone: the page, what is out of date in it, and each section.

Model text is as hostile here as in a file. Besides, a page of somebody else's that is open in the same browser must not
read it: what is not asked for under a name of this machine is refused.
"""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from secondthought.errors import RunError, SecondthoughtError
from secondthought.report.live.state import LiveReport
from secondthought.report.page.html import page_of

HOST = "127.0.0.1"
_NAMES = frozenset({HOST, "localhost"})


class LiveServer(ThreadingHTTPServer):
    """A `LiveServer` serves one report until it is shut down."""

    daemon_threads = True

    def __init__(self, report: LiveReport, port: int = 0) -> None:
        """Open a port of this machine; 0 takes any that is free.

        Raises:
            RunError: the port is taken.
        """
        self.report = report
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            raise RunError(f"port {port}: cannot be opened: {error.strerror}; choose another with --port") from None

    @property
    def url(self) -> str:
        """Return the address of the page."""
        return f"http://{HOST}:{self.server_address[1]}/"


class _Handler(BaseHTTPRequestHandler):
    server: LiveServer

    def do_GET(self) -> None:
        """Answer with the page, its state, or a section."""
        host = urlsplit(f"//{self.headers.get('Host', '')}").hostname
        if host not in _NAMES:
            self._send(403, "text/plain", "This report is served to this machine only.")
            return
        try:
            self._answer(unquote(urlsplit(self.path).path))
        except SecondthoughtError as error:
            self._send(500, "text/plain", str(error))

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: a page asks every two seconds."""

    def _answer(self, path: str) -> None:
        built = self.server.report.now()
        if path == "/":
            self._send(200, "text/html", page_of(built.sections, built.title, live=built.to_json()))
        elif path == "/state":
            self._send(200, "application/json", json.dumps(built.to_json()))
        elif path.startswith("/section/") and path.removeprefix("/section/") in built.sections:
            self._send(200, "text/html", str(built.sections[path.removeprefix("/section/")]))
        else:
            self._send(404, "text/plain", "There is no such page.")

    def _send(self, status: int, kind: str, text: str) -> None:
        content = text.encode("utf-8", "backslashreplace")
        try:
            self.send_response(status)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            self.wfile.write(content)
        except ConnectionError:
            self.close_connection = True  # the page was closed meanwhile
