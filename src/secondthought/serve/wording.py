"""Requests for a reflection in everyday use are data: `wording.toml` holds ours, in two languages, and anyone's own."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeAlias

from secondthought.config import read_toml
from secondthought.errors import ConfigError
from secondthought.spelling import suggestion

DIRECTION_HERE = "{direction}"
"""Stands in a request where the user's own words go."""
DEFAULT, LANGUAGE = "locate", "en"
Texts: TypeAlias = Mapping[str, str]
"""A text by its language."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestWording:
    """A `RequestWording` holds requests for a reflection, by name, and the one for a retry, in several languages."""

    requests: Mapping[str, Texts]
    retry: Texts

    def reflection(self, name: str, language: str, direction: str | None = None) -> str:
        """Return the request of that name; `direction` says in the user's words what may be wrong.

        Raises:
            ConfigError: there is none, or it wants a direction and there is none, or the other way round.
        """
        if name not in self.requests:
            raise ConfigError(
                f"there is no reflection request {name!r}{suggestion(name, [*self.requests])};"
                f" known: {', '.join(self.requests)}"
            )
        text = _in(language, self.requests[name], f"the reflection request {name!r}")
        wants = DIRECTION_HERE in text
        if wants and not (direction or "").strip():
            raise ConfigError(f"the reflection request {name!r} needs a direction: what may be wrong, in your words")
        if direction is not None and not wants:
            raise ConfigError(f"the reflection request {name!r} takes no direction; `direction` does")
        return text.replace(DIRECTION_HERE, (direction or "").strip())

    def retry_in(self, language: str) -> str:
        """Return the request for a retry.

        Raises:
            ConfigError: there is none in this language.
        """
        return _in(language, self.retry, "the retry request")


def shipped() -> RequestWording:
    """Return the wording that ships."""
    return _wording(tomllib.loads(files(__package__).joinpath("wording.toml").read_text("utf-8")), "wording.toml")


def with_own(path: Path | None) -> RequestWording:
    """Return the wording that ships, with the entries of a file of the user's own added or in their place.

    Raises:
        ConfigError: the file is no TOML, or an entry has another form; the sentence names it.
    """
    known = shipped()
    if path is None:
        return known
    own = _wording(read_toml(path), str(path))
    names = {**known.requests, **own.requests}
    return RequestWording(
        requests={name: {**known.requests.get(name, {}), **own.requests.get(name, {})} for name in names},
        retry={**known.retry, **own.retry},
    )


def _wording(data: Mapping[str, Any], source: str) -> RequestWording:
    if unknown := sorted(data.keys() - {"requests", "retry"}):
        raise ConfigError(f"{source}: unknown table {unknown[0]!r}; there may be [requests.NAME] and [retry]")
    requests = data.get("requests", {})
    if not isinstance(requests, Mapping):
        raise ConfigError(f"{source}: 'requests' must hold tables, as in [requests.mine]")
    return RequestWording(
        requests={name: _texts(value, f"{source}: requests.{name}") for name, value in requests.items()},
        retry=_texts(data.get("retry", {}), f"{source}: retry"),
    )


def _texts(value: Any, place: str) -> Texts:
    is_table = isinstance(value, Mapping)
    if not is_table or not all(isinstance(text, str) and text.strip() for text in value.values()):
        raise ConfigError(f'{place} must be a table of texts by language, such as en = "Look again."')
    return dict(value)


def _in(language: str, texts: Texts, what: str) -> str:
    if language not in texts:
        raise ConfigError(f"{what} is not written in {language!r}; it is in {', '.join(texts) or 'no language'}")
    return texts[language]
