r"""Grounds of a rewrite: its answer stands in the document, its numbers do, and it shares the document's text.

A model that is asked to rewrite may invent. What is checked here needs no model, and errs on the strict side: an answer
in other words than the author's is not taken.
"""

from __future__ import annotations

import re
import unicodedata

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_STEP = re.compile(r"(?im)^[ \t#>*_-]*(?:step[ \t]+)?\d{1,2}[.):]+(?=\s)")
_SPELLED = {"zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7"}
_SPELLED |= {"eight": "8", "nine": "9", "ten": "10", "eleven": "11", "twelve": "12"}
_WRAPPED = re.compile(r"\\(?:boxed|text|mathrm|textbf)\s*\{([^{}]*)\}")
_BLANKS = re.compile(r"\s+|\\[,;!: ]|[$*`~]|\\[()\[\]]")
_GRAM = 4
_LEAST_SHARED = 0.3
"""Share of letter groups: another text in the same language has about as many, one in another language far fewer."""


def stands_in(answer: str, document: str) -> bool:
    r"""Tell whether an answer stands in a document, whatever marks and blanks are around it.

    >>> stands_in("$x = 4$.", "So x = 4, which is right."), stands_in("4", "So x = 14"), stands_in("-4", "x = 4")
    (True, False, False)
    """
    plain = _plain(answer).strip(" .,;:!")
    if not plain:
        return False
    before = r"(?<![\w.\-])(?<!\d,)" if plain[0].isalnum() else ""
    after = r"(?![\w]|[.,]\d)" if plain[-1].isalnum() else ""
    return re.search(before + re.escape(plain) + after, _plain(document)) is not None


def invented_number(text: str, document: str) -> str | None:
    """Return a number of a text that the document does not have, in figures or in words; None without one.

    Numbers of steps, where a line begins, are not looked for.

    >>> invented_number("How much are 3 hats at 7 euros?", "Three hats at 7 euros each")
    >>> invented_number("How much are 3 hats at 8 euros?", "Three hats at 7 euros each")
    '8'
    """
    known = set(_NUMBER.findall(_plain(document)))
    known |= {_SPELLED[word] for word in re.findall(r"[a-z]+", document.casefold()) if word in _SPELLED}
    return next((number for number in _NUMBER.findall(_plain(_STEP.sub(" ", text))) if number not in known), None)


def shares_text(text: str, document: str) -> bool:
    """Tell whether a text shares enough groups of letters with a document to be about it, in its language.

    >>> shares_text("What is the sum of the numbers?", "Find the sum of these numbers. What is it?")
    True
    >>> shares_text("Wie hoch ist die Summe der Zahlen?", "Find the sum of these numbers. What is it?")
    False
    """
    own = _grams(text)
    return not own or len(own & _grams(document)) / len(own) >= _LEAST_SHARED


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).casefold()
    text = _WRAPPED.sub(r"\1", text)
    text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", text)
    return re.sub(" +", " ", _BLANKS.sub(" ", text.replace("\u2212", "-")))


def _grams(text: str) -> set[str]:
    letters = "".join(char for char in unicodedata.normalize("NFKC", text).casefold() if char.isalpha() or char == " ")
    return {letters[at : at + _GRAM] for at in range(len(letters) - _GRAM + 1)}
