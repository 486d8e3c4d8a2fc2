"""The routes of a vLLM server: completions of token ids, adapters under names, whole weights from a folder.

    POST /v1/completions             ids in, sampled ids and their log-probabilities out
    POST /v1/load_lora_adapter       an adapter under a new name, from a new path
    POST /v1/unload_lora_adapter
    POST /pause, /resume             whole weights are swapped in between (VLLM_SERVER_DEV_MODE=1)
    POST /collective_rpc             reload_weights
    POST /reset_prefix_cache         what was computed with the old weights must not be continued

Every way of cutting the distribution is asked to be off in each request: a server takes top-p and the like from the
model's own generation_config.json otherwise, and what is recorded would not be what was drawn from.
"""

from __future__ import annotations

import itertools
import json
import logging
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from secondthought.errors import PolicyError
from secondthought.inference.chat.address import shown
from secondthought.inference.chat.endpoint import key_in
from secondthought.inference.chat.http import NoReply, OpenRequests, Reply
from secondthought.inference.chat.replies import PASSING, words
from secondthought.types import Prompt, Sampling, TokenIds

logger = logging.getLogger(__name__)

_FIRST_DELAY_S, _LONGEST_DELAY_S = 0.5, 30.0


class ServerGone(PolicyError):
    """A `ServerGone` says that a server does not answer, however often it is asked; another one may."""


class Sampled(NamedTuple):
    """A `Sampled` completion, as a server tells it: an end-of-turn token that was sampled is among the ids."""

    token_ids: TokenIds
    logprobs: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerAddress:
    """A `ServerAddress` says where a vLLM server is, and how patiently it is asked."""

    url: str
    """Without `/v1`, such as http://localhost:8000."""
    key_variable: str | None = None
    time_limit_s: float = 600.0
    attempts: int = 5


class VllmServer:
    """A `VllmServer` is asked over HTTP; a context, in which connections are kept open."""

    def __init__(self, address: ServerAddress, stop_ids: frozenset[int]) -> None:
        """Ask nothing yet.

        Raises:
            ConfigError: the key's variable is not set.
        """
        self.address = address
        self._root = address.url.rstrip("/").removesuffix("/v1")
        self._stops = sorted(stop_ids)
        self._requests = OpenRequests()
        self._headers = {"Content-Type": "application/json", **_key(address.key_variable)}
        self._cut = threading.Event()
        self._is_told = False
        """Whether it was said that the server does not answer; many requests find it out at once."""

    def cut(self) -> None:
        """Cut what is under way: whoever waits for an answer gets none, and nothing is tried again."""
        self._cut.set()
        self._requests.cut()

    def close(self) -> None:
        """Close all connections."""
        self._requests.__exit__(None, None, None)

    def models(self) -> list[str]:
        """Return the names that the server can be asked for: the base model's first.

        Raises:
            PolicyError: it does not answer.
        """
        reply = self._get("/v1/models")
        try:
            return [str(model["id"]) for model in json.loads(reply.body)["data"]]
        except (ValueError, KeyError, TypeError):
            raise PolicyError(f"{self.shown}: /v1/models is not answered as vLLM does") from None

    def sample(self, prompt: Prompt, sampling: Sampling, model: str) -> Sampled:
        """Sample one completion.

        Raises:
            ServerGone: the server does not answer in any attempt, or gives the request up, as one that ends does.
            PolicyError: it refuses, or answers something else.
        """
        reply = self._post("/v1/completions", _body(prompt, sampling, model, self._stops))
        return _sampled(reply, prompt, sampling, model, self.shown)

    def load_adapter(self, name: str, path: Path) -> None:
        """Have the server load an adapter; it must see the path.

        Raises:
            PolicyError: it does not.
        """
        self._post("/v1/load_lora_adapter", {"lora_name": name, "lora_path": str(path)})

    def unload_adapter(self, name: str) -> None:
        """Have the server forget an adapter; one that it does not know is none."""
        try:
            self._post("/v1/unload_lora_adapter", {"lora_name": name}, attempts=1)
        except PolicyError as error:
            logger.info("%s", error)

    def reload(self, path: Path) -> None:
        """Have the server take its weights from a folder, and forget all that it has computed with others.

        Raises:
            PolicyError: it does not; it is left paused then, since nothing that it would sample could be trusted.
        """
        self._post("/pause?mode=wait", {})
        self._post("/collective_rpc", {"method": "reload_weights", "kwargs": {"weights_path": str(path)}})
        self._post("/reset_prefix_cache", {})
        self._post("/resume", {})

    @property
    def shown(self) -> str:
        """Return where the server is, as sentences name it."""
        return shown(self._root)

    def _post(self, route: str, body: Mapping[str, Any], attempts: int | None = None) -> Reply:
        data = json.dumps(body).encode()
        return self._asked(
            route,
            lambda: self._requests.post(self._root + route, data, self._headers, self.address.time_limit_s),
            attempts or self.address.attempts,
        )

    def _get(self, route: str) -> Reply:
        return self._asked(
            route,
            lambda: self._requests.get(self._root + route, self._headers, self.address.time_limit_s),
            self.address.attempts,
        )

    def _asked(self, route: str, ask: Callable[[], Reply], attempts: int) -> Reply:
        """Ask until there is an answer, or no attempt is left."""
        delay, reason, is_refused = _FIRST_DELAY_S, "", False
        for attempt in itertools.count(1):
            try:
                reply = ask()
            except NoReply as error:
                reason = str(error)
                if error.lasting:
                    break
            else:
                if reply.status == 200:
                    self._is_told = False
                    return reply
                reason = f"HTTP {reply.status}: {words(reply.body)}"
                if reply.status not in PASSING:
                    is_refused = True
                    break
            if attempt >= attempts or self._cut.is_set():
                break
            if not self._is_told:
                self._is_told = True
                logger.info("%s%s: %s; again in %.1f s", self.shown, route, reason, delay)
            if self._cut.wait(delay):
                break
            delay = min(2 * delay, _LONGEST_DELAY_S)
        kind = PolicyError if is_refused or self._cut.is_set() else ServerGone
        raise kind(f"{self.shown}{route}: {reason}{_remedy(route, reason)}")


def _remedy(route: str, reason: str) -> str:
    if "lora" in route and "HTTP 404" in reason:
        return "; start the server with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=1"
    if not route.startswith("/v1") and "HTTP 404" in reason:
        return "; start the server with VLLM_SERVER_DEV_MODE=1"
    return ""


def _key(variable: str | None) -> dict[str, str]:
    key = key_in(variable, "inference.key_env")
    return {} if key is None else {"Authorization": f"Bearer {key}"}


def _body(prompt: Prompt, sampling: Sampling, model: str, stops: Sequence[int]) -> dict[str, Any]:
    """Return what is asked: of the whole distribution, with nothing of it cut or changed."""
    return {
        "model": model,
        "prompt": list(prompt.ids),
        "max_tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
        "seed": prompt.key % 2**63,
        "top_p": 1.0,
        "top_k": -1,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "stop_token_ids": list(stops),
        "skip_special_tokens": False,
        "logprobs": 0,
        "return_token_ids": True,
    }


def _sampled(reply: Reply, prompt: Prompt, sampling: Sampling, model: str, where: str) -> Sampled:
    """Read a completion, and believe nothing of it that can be checked."""
    try:
        data = json.loads(reply.body)
        [choice] = data["choices"]
        why_it_ends = choice.get("finish_reason")
        if why_it_ends == "abort":
            raise ServerGone(f"{where}: gave a request up before its answer was whole")
        ids = tuple(int(token) for token in choice["token_ids"])
        logprobs = tuple(float(value) for value in choice["logprobs"]["token_logprobs"])
        answered, read = str(data["model"]), choice.get("prompt_token_ids")
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        raise PolicyError(
            f"{where}: a completion is not answered as vLLM does, with `token_ids` and `logprobs`; it needs vLLM 0.10"
            " or later"
        ) from None
    if answered != model:
        raise PolicyError(f"{where}: was asked for {model} and answered as {answered}")
    if read is not None and tuple(read) != prompt.ids:
        raise PolicyError(f"{where}: read other ids than it was sent")
    if not ids or len(ids) != len(logprobs) or len(ids) > sampling.max_tokens:
        counts = f"{len(ids)} ids with {len(logprobs)} log-probabilities"
        raise PolicyError(f"{where}: answered {counts}, of {sampling.max_tokens} asked")
    if why_it_ends == "length" and len(ids) < sampling.max_tokens:
        counts = f"{len(ids)} tokens of {sampling.max_tokens}"
        raise PolicyError(f"{where}: cut an answer off after {counts}; give it a longer --max-model-len")
    if not all(math.isfinite(value) and value <= 1e-3 for value in logprobs):
        raise PolicyError(f"{where}: a log-probability is not finite, or above 0")
    return Sampled(ids, logprobs)
