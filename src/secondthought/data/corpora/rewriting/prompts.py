"""What a model is told when it rewrites a document: one text for each style."""

from __future__ import annotations

from secondthought.data.corpora.rewriting.rewrite import RewriteStyle
from secondthought.types import Message

_FORM = """You are given a document. Rewrite it as an exercise that somebody works out. Write exactly
three parts, in these tags:

<question>...</question>
<thoughts>...</thoughts>
<answer>...</answer>

- question: the exercise as a whole question, with each number and condition that the document gives
- thoughts: how it is worked out
- answer: the result alone, in the very words or figures of the document

Write nothing before, between or after the parts. Write in the language of the document. Invent nothing: no number, step
or result that the document does not have. If the document holds no exercise with its answer, write only <none/>.

How to write the thoughts:
"""

_STYLES: dict[RewriteStyle, str] = {
    "curated": """- In the first person and the present tense, as one who thinks aloud and does not know the end yet.
- Keep each doubt of the author, each check of a result, each plan, each line that is given up and what shows that it is
  wrong, at the place where it happens.
- Where the author checks a result or sets a goal on the way, say it before going on.""",
    "clean": """- Only the steps that lead to the answer, one after the other, each as a plain statement.
- No doubts, no checks of results, no plans or goals on the way, no work from the end backwards, and nothing that is
  given up later. Do not judge a step.""",
}


def conversation(document: str, style: RewriteStyle) -> tuple[Message, ...]:
    """Return what a model is sent to rewrite a document."""
    return (
        Message(role="system", content=_FORM + _STYLES[style]),
        Message(role="user", content=f"The document:\n\n{document}"),
    )
