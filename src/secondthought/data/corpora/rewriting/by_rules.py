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
from pathlib import Path
from typing import Any

from secondthought.data.corpora.documents import CorpusDocument
from secondthought.data.corpora.rewriting.rewrite import LeftOut, Outcome, Rewrite, RewriteStyle
from secondthought.habits.patterns import shipped_detector

NO_EXAMPLE = "holds no worked example"
NO_STEPS = "nothing but habits is left of its solution"
_BEFORE, _NUMBER, _ENDS = (
    r"(?im)^[ \t#>*_]*",
    r"(?P<number>\d[\d.]*|[ivxlc]{1,5}|[a-z])",
    r"[ \t*_]*(?:[.:)]+[ \t*_]*|$)",
)
_QUESTION = re.compile(
    rf"{_BEFORE}(?:worked example|example|problem|exercise|question)"
    rf"(?:[ \t]+(?P<figure>\d[\d.]*)(?!\w)[ \t]*[.:)*_]*|(?:[ \t]+{_NUMBER}(?!\w))?{_ENDS})"
)
_SOLUTION = re.compile(rf"{_BEFORE}(?:solution|answer|proof)(?:[ \t]+{_NUMBER}(?!\w))?{_ENDS}")
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
    questions = list(_QUESTION.finditer(text))
    last = 0
    for solved in _SOLUTION.finditer(text):
        asked = [each for each in questions if last <= each.start() and each.end() <= solved.start()]
        last = solved.end()
        if len(asked) != 1 or not _belong(asked[0], solved):
            continue  # of several questions in a row nobody can say which one is answered
        question = text[asked[0].end() : solved.start()].strip()
        body = text[solved.end() : _end_of(solved, text)].strip()
        if min(len(question), len(body)) >= _LEAST:
            return _rewrite(question, body, style)
    return LeftOut(reason=NO_EXAMPLE)


def _belong(asked: re.Match[str], solved: re.Match[str]) -> bool:
    """Tell whether question and solution have one number, as far as both have any."""
    numbers = {(asked["figure"] or asked["number"] or "").rstrip("."), (solved["number"] or "").rstrip(".")} - {""}
    return len(numbers) < 2


def _end_of(solved: re.Match[str], text: str) -> int:
    """Return where a solution ends: at the next question, or at the solution of another one."""
    question = _QUESTION.search(text, solved.end())
    others = (each for each in _SOLUTION.finditer(text, solved.end()) if each["number"])
    other = next((each for each in others if each["number"] != solved["number"]), None)
    return min((each.start() for each in (question, other) if each is not None), default=len(text))


def _rewrite(question: str, body: str, style: RewriteStyle) -> Outcome:
    marked = _MARKED.search(body)
    boxed = _BOXED.search(body)
    found = marked or boxed
    answer = found[1].strip() if found else _SENTENCE_END.split(body)[-1].rstrip(".!?")
    thoughts = f"{body[: marked.start()]}{body[marked.end() :]}".strip() if marked else body
    if style == "clean":
        thoughts = _without_habits(thoughts)
    if not thoughts or not answer:
        return LeftOut(reason=NO_STEPS)
    return Rewrite(question=question, thoughts=thoughts, answer=answer)


def _without_habits(text: str) -> str:
    """Leave out the sentences that show a habit, until none is found."""
    while spans := shipped_detector().read(text).spans:
        for sentence in sorted({span.text for span in spans}, key=len, reverse=True):
            text = text.replace(f"{sentence} ", "").replace(sentence, "")  # of a loop the detector shows one
    return re.sub(r"\n{3,}", "\n\n", text).strip()
