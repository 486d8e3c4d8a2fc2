"""The URL of an endpoint is read here: where requests go, and how sentences name it."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit, urlunsplit
from urllib.request import getproxies, proxy_bypass

from secondthought.errors import ConfigError

_LAST = "/chat/completions"
_LIKE = "give it like http://localhost:8000/v1"


def address(url: str) -> str:
    """Return the URL of `chat/completions` below a base URL; the full URL is taken as well, and /v1 may be left out.

    >>> address("http://localhost:8000"), address("https://host/api/v3/")
    ('http://localhost:8000/v1/chat/completions', 'https://host/api/v3/chat/completions')
    """
    parts = _split(url)
    base = parts.path.rstrip("/").removesuffix(_LAST) or "/v1"
    return urlunsplit((parts.scheme, parts.netloc, base + _LAST, parts.query, ""))


def shown(url: str) -> str:
    """Return a URL as sentences and logs show it: without its query, which may hold a key.

    >>> shown("https://host/v1?key=secret")
    'https://host/v1'
    """
    return url.partition("?")[0]


def proxy_note(url: str) -> str:
    """Return what to add to a sentence about a URL that is asked through a proxy; empty where it is asked directly."""
    parts = urlsplit(url)
    found = getproxies()
    if not (found.get(parts.scheme) or found.get("all")) or proxy_bypass(parts.hostname or ""):
        return ""
    return f"; it is asked through the proxy of {parts.scheme.upper()}_PROXY (NO_PROXY lists hosts without one)"


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"endpoint: the URL cannot be read ({error}); {_LIKE}") from None
    if parts.username or parts.password:
        raise ConfigError("endpoint: the URL holds a name or password; put the key into an environment variable")
    if parts.scheme not in ("http", "https") or not host or not (url.isascii() and url.isprintable()) or " " in url:
        raise ConfigError(f"endpoint: {shown(url)!r} is not an http or https URL; {_LIKE}")
    return parts
