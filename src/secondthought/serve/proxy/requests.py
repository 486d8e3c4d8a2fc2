"""A client's request is read here: OpenAI's body, and beside it `secondthought`, what the client wants of the proxy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from secondthought.errors import shown
from secondthought.text import whole_within

OWN_FIELD = "secondthought"
"""The field of a request, and of a reply, that is ours."""
_OWN = ("check", "data", "tries")
MOST_TRIES = 8
"""Tries that a client may ask for at most."""


class BadRequest(Exception):
    """`BadRequest` says in a sentence what is wrong with a request, and under which status it is refused."""

    def __init__(self, sentence: str, status: int = 400, retry_after_s: float | None = None) -> None:
        super().__init__(sentence)
        self.status, self.retry_after_s = status, retry_after_s


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatCall:
    """A `ChatCall` is one request to chat/completions."""

    body: Mapping[str, Any]
    """What goes upstream: neither our field nor `stream` are in it."""
    passed: bytes
    """What goes upstream where nothing is checked: the body as it came, without our field."""
    streams: bool
    usage_in_stream: bool
    check: str | None
    """The name of the check that the client wants; None takes what the request states."""
    data: Mapping[str, Any] | None
    """What the named check must know of the problem: a row of its task."""
    tries: int | None
    may_store: bool | None
    """Whether the client lets its failures be stored (OpenAI's `store`); None where it does not say."""

    def without_store(self) -> ChatCall:
        """Return the same call, whose server is not asked to store anything."""
        return replace(self, body={name: value for name, value in self.body.items() if name != "store"})


def read(content: bytes) -> ChatCall:
    """Read the body of a request.

    Raises:
        BadRequest: it is no JSON, or a field is wrong; the sentence names it.
    """
    body = _object(content)
    is_ours = OWN_FIELD in body
    own = body.pop(OWN_FIELD, None) or {}
    passed = json.dumps(body).encode() if is_ours else content
    if not isinstance(own, dict):
        raise BadRequest(f"'{OWN_FIELD}' must be an object, not {shown(own)}")
    if unknown := sorted(own.keys() - set(_OWN)):
        raise BadRequest(f"'{OWN_FIELD}' has no field {unknown[0]!r}; it has {', '.join(_OWN)}")
    if not isinstance(body.get("messages"), list):
        raise BadRequest(f"'messages' must be a list, not {shown(body.get('messages'))}")
    streams, options = body.pop("stream", None) or False, body.pop("stream_options", None) or {}
    if not isinstance(streams, bool) or not isinstance(options, dict):
        raise BadRequest("'stream' must be true or false, and 'stream_options' an object")
    return ChatCall(
        body=body,
        passed=passed,
        streams=streams,
        usage_in_stream=options.get("include_usage") is True,
        check=_check(own.get("check")),
        data=_data(own.get("data")),
        tries=_tries(own.get("tries")),
        may_store=body.get("store") if isinstance(body.get("store"), bool) else None,
    )


def _object(content: bytes) -> dict[str, Any]:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        raise BadRequest("the body is no JSON; send what chat/completions takes") from None
    if not isinstance(body, dict):
        raise BadRequest(f"the body must be a JSON object, not {shown(body)}")
    found: dict[str, Any] = whole_within(body)
    return found


def _check(name: Any) -> str | None:
    if name is None or isinstance(name, str):
        return name
    raise BadRequest(f"'{OWN_FIELD}.check' must be the name of a check, not {shown(name)}")


def _data(data: Any) -> Mapping[str, Any] | None:
    if data is None or isinstance(data, dict):
        return data
    raise BadRequest(f"'{OWN_FIELD}.data' must be an object, not {shown(data)}")


def _tries(tries: Any) -> int | None:
    if tries is None or (type(tries) is int and 1 <= tries <= MOST_TRIES):
        return tries
    raise BadRequest(f"'{OWN_FIELD}.tries' must be a whole number from 1 to {MOST_TRIES}, not {shown(tries)}")
