"""A name that is not known is answered with the known one that was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_CLOSE, _CLOSE_SHORT = 0.6, 0.7
"""How like two names must be; of short ones more, since `dpo` is not a mistyped `ppo`."""


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return ` (did you mean 'x'?)` where a known name is close, else nothing; case does not count.

    >>> suggestion("countdwon", ["countdown"]), suggestion("Small", ["small"]), suggestion("chess", ["countdown"])
    (" (did you mean 'countdown'?)", " (did you mean 'small'?)", '')
    """
    spelled = {one.casefold(): one for one in known}
    cutoff = _CLOSE if len(name) > 3 else _CLOSE_SHORT
    close = difflib.get_close_matches(name.casefold(), list(spelled), n=1, cutoff=cutoff)
    return f" (did you mean {spelled[close[0]]!r}?)" if close else ""
