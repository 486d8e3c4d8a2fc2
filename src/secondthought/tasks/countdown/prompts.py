r"""The constant text of Countdown's prompts, split where the numbers go so that a tokenizer can be built from it.

The task sentence and the reflection request are worded as the Reflect-Retry-Reward paper is quoted; how the answer is
to be marked (tags or `\boxed{}`) is an option, and the sentence about tags is that of the published RL data.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

AnswerFormat: TypeAlias = Literal["answer", "boxed"]
"""How a completion marks its answer: `<answer> ... </answer>`, or `\\boxed{...}`."""

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
REFLECTION_REQUEST = (
    "You tried solving the problem and got the wrong answer. Reflect on what went wrong and write a short explanation"
    " that will help you do better next time."
)


def user_prompt(numbers: tuple[int, ...], target: int, answer_format: AnswerFormat = "answer") -> str:
    """The user turn of one problem.

    >>> user_prompt((3, 7, 12), 24)[:64]
    'Using the numbers [3, 7, 12], create an equation that equals 24.'
    """
    after = PROMPT_AFTER_TARGET if answer_format == "answer" else PROMPT_AFTER_TARGET_BOXED
    return f"{PROMPT_BEFORE_NUMBERS}{list(numbers)}{PROMPT_BEFORE_TARGET}{target}{after}"
