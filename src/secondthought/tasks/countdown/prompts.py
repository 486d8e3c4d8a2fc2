r"""The constant text of Countdown's prompts, split where the numbers go so that a tokenizer can be built from it.

The task sentence and the reflection request are worded as the Reflect-Retry-Reward paper is quoted; how the answer is
to be marked (tags or `\boxed{}`) is an option, and the sentence about tags is that of the published RL data.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from secondthought.tasks import reflection_prompts

AnswerFormat: TypeAlias = Literal["answer", "boxed", "think"]
"""The mark of a completion's answer: `<answer> ... </answer>`, or `\\boxed{...}`; `think` asks besides for the work in
`<think> </think>` tags, as the published prompts of the Four Habits paper do, and is judged like `answer`."""

PROMPT_BEFORE_NUMBERS = "Using the numbers "
PROMPT_BEFORE_TARGET = ", create an equation that equals "
PROMPT_AFTER_TARGET = (
    ". You can use basic arithmetic operations (+, -, *, /) and each number can only be used once."
    " Return the final answer in <answer> </answer> tags, for example <answer> (1 + 2) / 3 </answer>."
)
PROMPT_AFTER_TARGET_BOXED = (
    ". You can use basic arithmetic operations (+, -, *, /) and each number can only be used once."
    " Return the final answer in \\boxed{}, for example \\boxed{(1 + 2) / 3}."
)
PROMPT_AFTER_TARGET_THINK = (
    ". You can use basic arithmetic operations (+, -, *, /) and each number can only be used once."
    " Show your work in <think> </think> tags. And return the final answer in <answer> </answer> tags,"
    " for example <answer> (1 + 2) / 3 </answer>."
)
REFLECTION_REQUEST = reflection_prompts.EQUATION

_AFTER_TARGET: dict[AnswerFormat, str] = {
    "answer": PROMPT_AFTER_TARGET,
    "boxed": PROMPT_AFTER_TARGET_BOXED,
    "think": PROMPT_AFTER_TARGET_THINK,
}


def user_prompt(numbers: tuple[int, ...], target: int, answer_format: AnswerFormat = "answer") -> str:
    """Return the user turn of one problem.

    >>> user_prompt((3, 7, 12), 24)[:64]
    'Using the numbers [3, 7, 12], create an equation that equals 24.'
    """
    return f"{PROMPT_BEFORE_NUMBERS}{list(numbers)}{PROMPT_BEFORE_TARGET}{target}{_AFTER_TARGET[answer_format]}"
