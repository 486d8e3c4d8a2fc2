"""A chat server that thinks for so many milliseconds, answers by its client's name, and fails where it is told to.

    python -m secondthought.bench.serving.upstream MILLISECONDS

A conversation begins with `NAME` or `NAME FAULT`; a fault comes with the first request of a turn alone, so that each
can be waited out. The first try of a name that ends with an odd digit is wrong.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

FAULTS = ("429", "500", "503", "cut", "slow", "html")
"""Statuses, an answer that ends in its middle, one that takes far longer, and one that is no completion."""
SLOW = 5.0
"""What `slow` takes, in times of a usual answer."""


def application(seconds: float) -> Starlette:
    """Build the server."""
    seen: set[tuple[str, int]] = set()

    async def chat(request: Request) -> Response:
        body = await request.json()
        name, _, fault = str(body["messages"][0]["content"]).partition(" ")
        turn = sum(message["role"] == "assistant" for message in body["messages"])
        is_first = (name, turn) not in seen
        seen.add((name, turn))
        await asyncio.sleep(seconds * (SLOW if fault == "slow" and is_first else 1.0))
        fails = _FAULTS.get(fault) if is_first else None
        return fails(name) if fails else JSONResponse(_reply(name, turn))

    return Starlette(routes=[Route("/v1/chat/completions", chat, methods=["POST"])])


def _reply(name: str, turn: int) -> dict[str, Any]:
    right = json.dumps({"name": name})
    first = f"My name is {name}." if int(name[-1]) % 2 else right
    text = (first, f"{name} forgot the JSON.", right)[min(turn, 2)]
    return {
        "id": name,
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20},
    }


def _status(code: int) -> Callable[[str], Response]:
    return lambda name: JSONResponse({"error": {"message": "busy"}}, code)


def _cut(name: str) -> Response:
    async def half() -> Any:
        yield json.dumps(_reply(name, 2)).encode()[:-9]

    return StreamingResponse(half(), media_type="application/json", headers={"Content-Length": "9999"})


_FAULTS: dict[str, Callable[[str], Response]] = {
    "429": _status(429),
    "500": _status(500),
    "503": _status(503),
    "cut": _cut,
    "html": lambda name: Response("<html>", media_type="text/html"),
}


def main(milliseconds: float) -> None:
    """Serve until the process is ended; the first line on stdout is the port."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=2048)
    sys.stdout.write(f"{listening.getsockname()[1]}\n")
    sys.stdout.flush()  # whoever began the process reads it
    config = uvicorn.Config(application(milliseconds / 1000), log_level="critical", access_log=False)
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main(float(sys.argv[1]))
