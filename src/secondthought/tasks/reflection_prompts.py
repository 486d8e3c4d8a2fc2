"""The user turns that ask for a reflection, in the wording that the Reflect-Retry-Reward paper is quoted with.

The paper's own English was available to us only through quotations; treat the wording as approximate. A task uses the
one that fits; a run may override it.
"""

from __future__ import annotations

EQUATION = (
    "You tried solving the problem and got the wrong answer. Reflect on what went wrong and write a short explanation"
    " that will help you do better next time."
)
FUNCTION_CALL = (
    "You tried performing the task, but failed in generating the correct tool call. Reflect on what went wrong and"
    " write a short explanation that will help you do better next time."
)
GENERAL = (
    "You tried performing the task, but failed in generating the correct answer. Reflect on what went wrong and write"
    " a short explanation that will help you do better next time."
)
