"""An `AnswerCache` keeps a judge's or teacher's answers on disk: one JSON line each, written at once, never rewritten.

A process that is killed while writing leaves a torn last line: it is passed over, and the next line starts afresh.
Answers are kept as they were given, so a better reader reads old ones again without asking. Only whole answers are: an
empty one, which earlier versions kept too, is asked for again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from secondthought import jsonl
from secondthought.disk import why_unread, why_unwritten
from secondthought.errors import RunError
from secondthought.protocols import ChatModel
from secondthought.text import whole
from secondthought.types import Message, Sampling


@runtime_checkable
class Identified(Protocol):
    """An `Identified` chat model can tell what decides its answers where its name does not: a path's weights change."""

    def identity(self) -> str:
        """Return a text that is equal only where the same conversation gets the same answer."""
        ...


class AnswerCache:
    """An `AnswerCache` holds answers by the key of their question; in memory only if there is no path."""

    def __init__(self, path: Path | None = None) -> None:
        """Read the answers of the file, if it is there. The file is made at the first answer."""
        self.path = path
        self.num_unreadable = 0
        """Lines that were passed over."""
        self._answers: dict[str, str] = {}
        self._open_line = False
        if path is not None and path.exists():
            self._read(path)

    def get(self, key: str) -> str | None:
        """Return the answer, or None if there is none yet."""
        return self._answers.get(key)

    def put(self, key: str, answer: str, **about: str) -> None:
        """Keep an answer, on disk before this returns; `about` is for people who read the file. An empty one is not."""
        answer = whole(answer)
        if not answer.strip():
            return
        if self.path is not None:
            line = jsonl.dumps({"key": key, **about, "answer": answer}) + "\n"
            self._append(self.path, ("\n" if self._open_line else "") + line)
        self._answers[key] = answer

    def _read(self, path: Path) -> None:
        try:
            jsonl.require_plain(path)
            for line in jsonl.read(path):
                key, answer = (line.value or {}).get("key"), (line.value or {}).get("answer")
                if isinstance(key, str) and isinstance(answer, str):
                    if answer.strip():
                        self._answers[key] = answer
                else:
                    self.num_unreadable += 2 if line.is_whole_file else 1
            with path.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - 1))
                self._open_line = file.read() not in (b"", b"\n")
        except OSError as error:
            raise RunError(f"{why_unread(path, error)}; name another file") from None
        # One line may be torn; a file of other lines is somebody's data, and must not be written to.
        if self.num_unreadable > 1 and not self._answers:
            raise RunError(f"{path}: holds no answers; name another file, and it will be made")

    def _append(self, path: Path, line: str) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as file:
                self._open_line = True
                file.write(line.encode())
            self._open_line = False
        except OSError as error:
            raise RunError(why_unwritten(path, error)) from None


def identity_of(chat: ChatModel) -> str:
    """Return what decides a model's answers besides the conversation: its name, or more where it knows more."""
    return chat.identity() if isinstance(chat, Identified) else chat.name


def key_of(identity: str, messages: Sequence[Message], sampling: Sampling) -> str:
    """Hash what decides an answer: the model that is asked (`identity_of`), the conversation, and the sampling."""
    parts = [
        identity,
        sampling.temperature,
        sampling.max_tokens,
        [[message.role, message.content] for message in messages],
    ]
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()
