"""Replies of a model become rewrites if they have the form that was asked for, and grounds in the document."""

from __future__ import annotations

import re

from secondthought.data.corpora.rewriting.grounds import invented_number, shares_text, stands_in
from secondthought.data.corpora.rewriting.rewrite import LeftOut, Outcome, Rewrite

_FORM = re.compile(r"\s*<question>(.*?)</question>\s*<thoughts>(.*?)</thoughts>\s*<answer>(.*?)</answer>\s*", re.DOTALL)
_TAG = re.compile(r"</?(?:question|thoughts|answer|think|none)\s*/?>")
_NONE = re.compile(r"\s*<none\s*/?>\s*")

NO_EXERCISE = "holds no problem with a solution, says the model"
OTHER_FORM = "the reply has another form than was asked for"
NO_ANSWER_THERE = "its answer does not stand in the document"
NO_NUMBER_THERE = "one of its numbers does not stand in the document"
LITTLE_SHARED = "it shares too little text with the document"


def outcome_of(reply: str, document: str) -> Outcome:
    """Read what a model replied to a document; the reply is kept where it is not taken."""
    if _NONE.fullmatch(reply):
        return LeftOut(reason=NO_EXERCISE)
    form = _FORM.fullmatch(reply)
    parts = [part.strip() for part in form.groups()] if form else []
    if not parts or not all(parts) or any(_TAG.search(part) for part in parts):
        return LeftOut(reason=OTHER_FORM, detail=reply)
    question, thoughts, answer = parts
    if not shares_text(f"{question} {thoughts}", document):
        return LeftOut(reason=LITTLE_SHARED, detail=reply)
    if not stands_in(answer, document):
        return LeftOut(reason=NO_ANSWER_THERE, detail=reply)
    if invented_number(f"{question}\n{thoughts}", document) is not None:
        return LeftOut(reason=NO_NUMBER_THERE, detail=reply)
    return Rewrite(question=question, thoughts=thoughts, answer=answer)
