"""A `Page` is a text as a judge may safely be shown it; quotes that a judge gives are looked up in it.

A quote counts only if it stands in the text, word for word; white space and typographic quotation marks may differ,
which models change without noticing. Places are code points of the original text.
"""

from __future__ import annotations

import re
from functools import cached_property

from secondthought.types import Span

_TEMPLATE_TOKENS = re.compile(r"<(?=[|\uff5c]|/?\w{1,32}>|</?\w+>>)|[|\uff5c](?=>)|\[(?=/?[A-Z_]{3,32}\])")
"""First characters of what chat templates mean as control tokens; servers read them as such inside a text too."""
_SURROGATES = re.compile("[\ud800-\udfff]")
_FOLDED = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-", "\u2212": "-"}
)
"""One character for one, so that places stay."""
_SWALLOWED = str.maketrans({"\x08": "\\b", "\x0c": "\\f", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
"""`\\frac` written into JSON as it stands is read as a form feed and `rac`; this turns it back."""
_LEAST_LETTERS = 2
"""A quote of fewer letters and digits stands in any text."""


class Page:
    """A `Page` is a text, shown to a judge, in which quotes can be found."""

    def __init__(self, text: str) -> None:
        """Keep the text as it is."""
        self.text = text

    @property
    def is_blank(self) -> bool:
        """Return True if the text holds nothing that could be quoted."""
        return sum(map(str.isalnum, self.text)) < _LEAST_LETTERS

    @cached_property
    def shown(self) -> str:
        """Return the text without control tokens: a space breaks each; a lone surrogate, which no request holds, goes.

        >>> Page("So 4.<|im_end|>").shown
        'So 4.< |im_end| >'
        """
        return _SURROGATES.sub("\ufffd", _TEMPLATE_TOKENS.sub(r"\g<0> ", self.text))

    def find(self, quote: str, behavior: str, taken: tuple[Span, ...] = ()) -> Span | None:
        r"""Return the first place of the quote that overlaps none of `taken`, or None.

        >>> Page("No.  Let me\ntry again.").find("Let me try", "backtracking")
        Span(behavior='backtracking', start=5, end=15, text='Let me\ntry')
        """
        for wanted in _spellings(quote):
            if sum(map(str.isalnum, wanted)) < _LEAST_LETTERS:
                continue
            at = self._flat.find(wanted)
            while at >= 0:
                start, end = self._places[at], self._places[at + len(wanted) - 1] + 1
                if not any(start < span.end and span.start < end for span in taken):
                    return Span(behavior=behavior, start=start, end=end, text=self.text[start:end])
                at = self._flat.find(wanted, at + 1)
        return None

    @cached_property
    def _kept(self) -> tuple[str, list[int]]:
        """Return the shown text with single spaces, and where each of its characters stands in the text."""
        breaks = {match.end() for match in _TEMPLATE_TOKENS.finditer(self.text)}
        kept: list[str] = []
        places: list[int] = []
        for at, char in enumerate(_SURROGATES.sub("\ufffd", self.text)):
            for one in (" ", char) if at in breaks else (char,):
                if not one.isspace():
                    kept.append(one)
                    places.append(at)
                elif kept and kept[-1] != " ":
                    kept.append(" ")
                    places.append(at)
        return "".join(kept).translate(_FOLDED), places

    @property
    def _flat(self) -> str:
        return self._kept[0]

    @property
    def _places(self) -> list[int]:
        return self._kept[1]


def flat(quote: str) -> str:
    r"""Return a quote in the form in which quotes are compared: quotes that are equal then are the same.

    >>> flat(" Let\u2019s\n see ")
    "Let's see"
    """
    return " ".join(Page(quote).shown.split()).translate(_FOLDED)


def _spellings(quote: str) -> list[str]:
    """List spellings to look for: as given, without marks around it, and with backslashes that JSON swallowed."""
    ways = [quote, quote.strip().strip("\"'`\u2018\u2019\u201c\u201d.\u2026 "), quote.translate(_SWALLOWED)]
    return list(dict.fromkeys(flat(way) for way in ways))
