r"""Where a completion is asked to put its answer, and where it is read: tags, `\boxed{}`, or its end.

The place is an option of a task. A model may gain by learning the form alone; the same problems asked for in another
form tell that from skill.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from secondthought.tasks import extract

AnswerPlace: TypeAlias = Literal["tags", "box", "end"]
r"""`tags`: `<answer> </answer>`. `box`: `\boxed{}`. `end`: the last words; tags and boxes are read there too."""

INSTRUCTIONS: dict[AnswerPlace, str] = {
    "tags": "Return the final answer in <answer> </answer> tags.",
    "box": "Put the final answer within \\boxed{}.",
    "end": "End with the final answer.",
}
"""What a problem says about its answer's place."""


def placed(text: str, place: AnswerPlace) -> str | None:
    r"""Return what stands in the answer's place; None where nothing does. At the end it is the whole text.

    >>> placed(r"<answer> 3 </answer> \boxed{4}", "tags"), placed(r"<answer> 3 </answer> \boxed{4}", "box")
    (' 3 ', '4')
    >>> placed("so it is 5", "tags"), placed("so it is 5", "end"), placed(r"so it is \boxed{5}", "end")
    (None, 'so it is 5', '5')
    """
    if place == "box":
        return extract.boxed(text)
    found = extract.answer(text, bare_box=place == "end")
    if found is not None:
        return found.text
    return text if place == "end" else None


def written(answer: str, place: AnswerPlace) -> str:
    r"""Return a completion that holds an answer in its place.

    >>> written("5", "tags"), written("5", "box"), written("5", "end")
    ('<answer> 5 </answer>', '\\boxed{5}', 'The answer is 5.')
    """
    if place == "tags":
        return f"<answer> {answer} </answer>"
    return f"\\boxed{{{answer}}}" if place == "box" else f"The answer is {answer}."
