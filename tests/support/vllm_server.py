"""A server that answers vLLM's routes on loopback by a real tiny model in this process, and fails as it is told.

It holds what vLLM holds: a base model, adapters by name, a pause, weights from a folder, a prefix cache. Faults of the
field are switches: `stale` goes on with the weights before, `cached` continues what was computed with them.
"""

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from unittest import mock

from loopback import listening

from secondthought.config import ModelConfig
from secondthought.inference.loading import load_policy
from secondthought.inference.served import server as served_server
from secondthought.types import Prompt, Sampling

BASE = "base-model"


class FakeVllm:
    """What the server holds, and what was asked of it."""

    def __init__(self, checkpoint):
        self.models = {BASE: load_policy(ModelConfig(path=str(checkpoint), device="cpu"))}
        self.calls, self.paused, self.lock = [], False, threading.Lock()
        self.cache_is_of = self.weights = "start"
        self.faults = {}
        """By route: answers to give first, each a status and a body, or a function of the handler."""
        self.stale = False
        self.change = lambda answer: answer

    def answer(self, route, body):
        self.calls.append((route, body))
        if route == "/v1/models":
            return {"data": [{"id": name} for name in self.models]}
        if route == "/v1/completions":
            return self.change(self.completion(body))
        if route == "/v1/load_lora_adapter":
            path = Path(body["lora_path"])
            earlier = [policy for name, policy in self.models.items() if name != BASE]
            fresh = load_policy(ModelConfig(path=str(path), device="cpu"))
            self.models[body["lora_name"]] = earlier[-1] if self.stale and earlier else fresh
        elif route == "/v1/unload_lora_adapter":
            del self.models[body["lora_name"]]
        elif route.startswith("/pause"):
            self.paused = True
        elif route == "/resume":
            self.paused = False
        elif route == "/collective_rpc":
            assert self.paused
            assert body["method"] == "reload_weights"
            if not self.stale:
                self.models[BASE] = load_policy(ModelConfig(path=body["kwargs"]["weights_path"], device="cpu"))
        return {}

    def completion(self, body):
        assert not self.paused
        policy = self.models[body["model"]]
        assert (body["top_p"], body["top_k"], body["repetition_penalty"]) == (1.0, -1, 1.0)
        assert set(body["stop_token_ids"]) == set(policy.stop_ids)
        with self.lock:
            prompt = Prompt(trunk=tuple(body["prompt"]), key=body["seed"])
            sampling = Sampling(temperature=body["temperature"], max_tokens=body["max_tokens"])
            [said] = policy.sample([prompt], sampling)
        choice = {
            "index": 0,
            "text": said.text,
            "token_ids": list(said.token_ids),
            "prompt_token_ids": body["prompt"],
            "logprobs": {"token_logprobs": list(said.logprobs)},
            "finish_reason": str(said.stop),
        }
        return {"id": "1", "model": body["model"], "choices": [choice]}

    def routes(self, name):
        return [body for route, body in self.calls if route == name]


@contextlib.contextmanager
def serving(checkpoint, port=0):
    """Serve until the context ends, at a free port or the one that is given; what fails in passing is asked at once."""
    held = FakeVllm(checkpoint)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args):
            pass

        def do_GET(self):
            self.reply(None)

        def do_POST(self):
            self.reply(json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}"))

        def reply(self, body):
            fault = held.faults[self.path].pop(0) if held.faults.get(self.path) else None
            if callable(fault):
                fault(self)
                return
            status, value = fault or (200, None)
            try:
                data = json.dumps(held.answer(self.path, body) if value is None else value).encode()
            except Exception as error:
                status, data = 400, json.dumps({"error": {"message": f"{type(error).__name__}: {error}"}}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    with listening(Handler, port) as port, mock.patch.object(served_server, "_FIRST_DELAY_S", 0.001):
        held.url = f"http://127.0.0.1:{port}"
        yield held


def hang_up(handler):
    """Closes without a word."""
    handler.close_connection = True
    handler.connection.close()


DEAD = [hang_up] * 1000
"""Answers of a server that is gone."""
