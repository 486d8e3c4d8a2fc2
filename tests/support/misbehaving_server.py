"""A real HTTP server on loopback that answers chat/completions, and misbehaves as its script says.

A script maps the last message of a conversation to what is done at its first request, its second, and so on; when the
script is over, and for conversations without one, the answer is `reply(messages)`.
"""

import contextlib
import email.utils
import json
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler

from loopback import listening


class Server:
    """What was asked, how often, and how many requests were under way at once. It serves as a proxy as well."""

    def __init__(self, port, requests, most_at_once):
        self.root = f"http://127.0.0.1:{port}"
        self.url = f"{self.root}/v1"
        self.requests = requests
        self._most = most_at_once

    @property
    def most_at_once(self):
        return max(self._most, default=0)

    @property
    def asked(self):
        return [request["body"]["messages"][-1]["content"] for request in self.requests]


def completion(text, *, finish="stop", message=None, **more):
    said = {"role": "assistant", "content": text, **(message or {})}
    about = {"id": "1", "object": "chat.completion", "created": 0, "model": "m"}
    return {**about, "choices": [{"index": 0, "message": said, "finish_reason": finish}], **more}


@contextlib.contextmanager
def serving(reply=lambda messages: "yes", script=None, pause=0.0):
    """Serve until the context ends."""
    script = {text: list(steps) for text, steps in (script or {}).items()}
    requests, most, lock, under_way = [], [], threading.Lock(), [0]

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args):
            pass

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            text = body["messages"][-1]["content"]
            with lock:
                self.counted = 1
                under_way[0] += 1
                most.append(under_way[0])
                requests.append({"path": self.path, "headers": dict(self.headers), "body": body})
                step = script[text].pop(0) if isinstance(text, str) and script.get(text) else None
            try:
                time.sleep(pause)
                if step is None:
                    self.say(200, completion(reply(body["messages"])))
                else:
                    step(self)
            finally:
                self.leave()

        def leave(self):
            """Count no longer as under way: before the answer is written, since whoever reads it may ask at once."""
            with lock:
                under_way[0] -= self.counted
                self.counted = 0

        def say(self, status, value, **headers):
            self.leave()
            data = value if isinstance(value, bytes) else json.dumps(value).encode()
            self.send_response(status)
            for name, content in headers.items():
                self.send_header(name.replace("_", "-"), content)
            if "Content_Length" not in headers:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    with listening(Handler) as port:
        yield Server(port, requests, most)


def status(code, message="busy", **headers):
    return lambda handler: handler.say(code, {"error": {"message": message}}, **headers)


def body(data, **headers):
    return lambda handler: handler.say(200, data, **headers)


def cut_off(handler):
    """Announces more than comes."""
    data = json.dumps(completion("never whole")).encode()
    handler.say(200, data[:-5], Content_Length=str(len(data)))
    handler.close_connection = True


def cut_off_unannounced(handler):
    """Ends in the middle, without having said how long the answer would be."""
    data = json.dumps(completion("never whole")).encode()[:-5]
    handler.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + data)
    handler.close_connection = True


def cut_off_chunked(handler):
    """Ends in the middle of a chunk."""
    handler.wfile.write(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{"choices": [')
    handler.close_connection = True


def dripping_headers(seconds):
    """A header now and then, so that even the head of the answer never ends."""

    def step(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for number in range(int(seconds / 0.02)):
            handler.wfile.write(b"X-%d: 1\r\n" % number)
            handler.wfile.flush()
            time.sleep(0.02)

    return step


def endless(handler):
    """Never ends, and is fast."""
    handler.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n")
    while True:
        handler.wfile.write(b" " * 2**20)


def reset(handler):
    """Resets the connection instead of closing it."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def hang_up(handler):
    """Closes without a word."""
    handler.close_connection = True


def silent(seconds):
    return lambda handler: time.sleep(seconds)


def dripping(seconds):
    """A byte now and then: each read succeeds in time, the whole never does."""

    def step(handler):
        handler.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(int(seconds / 0.02)):
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.02)

    return step


def http_date(seconds_from_now):
    return email.utils.formatdate(time.time() + seconds_from_now, usegmt=True)
