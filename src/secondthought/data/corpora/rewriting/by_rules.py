r"""Documents that already hold a worked example are rewritten by rules, with no model: nothing is invented.

    Problem, Example, Exercise or Question ...   the question, up to
    Solution, Answer or Proof ...                the thoughts, up to the next question or the end

The answer is what is marked as one: `\boxed{...}`, `#### ...`, `Answer: ...`, or else the last sentence. In the style
`clean` the sentences that show a habit are left out of the thoughts; in the style `curated` they stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from secondthought.data.corpora.documents import CorpusDocument
from secondthought.data.corpora.rewriting.rewrite import LeftOut, Outcome, Rewrite, RewriteStyle
from secondthought.habits.patterns import PatternDetector

NO_EXAMPLE = "holds no worked example"
NO_STEPS = "nothing but habits is left of its solution"
_HEADING = r"(?im)^[ \t#>*_]*(?:{})\b[ \t]*[\w.]{{0,8}}[ \t]*[.:)*_]*(?:[ \t]+|$)"
_QUESTION = re.compile(_HEADING.format("worked example|example|problem|exercise|question"))
_SOLUTION = re.compile(_HEADING.format("solution|answer|proof"))
_BOXED = re.compile(r"\\boxed\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
_MARKED = re.compile(r"(?im)^[ \t]*(?:####|(?:final )?answer[ \t]*:)[ \t]*(\S.*?)[ \t]*$")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
_LEAST = 8
"""Characters of a question or of thoughts: less is a reference to what stands elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ByRules:
    """`ByRules` takes the first worked example of each document; see `Rewriter`."""

    style: RewriteStyle

    def made_by(self) -> Mapping[str, Any]:
        """Return the style."""
        return {"rules": 1, "style": self.style}

    def rewrite(self, documents: Sequence[CorpusDocument], kept: Path) -> list[Outcome]:
        """Rewrite documents; see `Rewriter.rewrite`. Nothing has to be kept."""
        return [rewrite_of(document.text, self.style) for document in documents]


def rewrite_of(text: str, style: RewriteStyle) -> Outcome:
    r"""Return the first worked example of a text.

    >>> rewrite_of("Example 1. What is 6*7?\nSolution: 6*7 is 42.\nAnswer: 42", "curated")
    Rewrite(question='What is 6*7?', thoughts='6*7 is 42.', answer='42')
    >>> rewrite_of("The sun is a star.", "curated").reason
    'holds no worked example'
    """
    for asked in _QUESTION.finditer(text):
        solved = _SOLUTION.search(text, asked.end())
        following = _QUESTION.search(text, asked.end())
        if solved is None:
            break
        if following is not None and following.start() < solved.start():
            continue
        question = text[asked.end() : solved.start()].strip()
        after = _QUESTION.search(text, solved.end())
        body = text[solved.end() : after.start() if after else len(text)].strip()
        if min(len(question), len(body)) >= _LEAST:
            return _rewrite(question, body, style)
    return LeftOut(reason=NO_EXAMPLE)


def _rewrite(question: str, body: str, style: RewriteStyle) -> Outcome:
    marked = _MARKED.search(body)
    boxed = _BOXED.search(body)
    found = marked or boxed
    answer = found[1].strip() if found else _SENTENCE_END.split(body)[-1].rstrip(".!?")
    thoughts = body[: marked.start()].strip() if marked else body
    if style == "clean":
        thoughts = _without_habits(thoughts)
    if not thoughts or not answer:
        return LeftOut(reason=NO_STEPS)
    return Rewrite(question=question, thoughts=thoughts, answer=answer)


def _without_habits(text: str) -> str:
    """Leave out the sentences that show a habit, until none is found."""
    while spans := _detector().read(text).spans:
        first = min(spans, key=lambda span: span.start)
        text = text[: first.start] + text[first.end :].lstrip(" ")
    return re.sub(r"\n{3,}", "\n\n", text).strip()


@cache
def _detector() -> PatternDetector:
    return PatternDetector()
