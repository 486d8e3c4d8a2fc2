"""Errors are named by the boundary that failed.

    SecondthoughtError
    +-- ConfigError    a setting, flag or TOML field is wrong
    +-- TaskError      a task, problem or data row is wrong
    +-- PolicyError    a model, tokenizer, template or checkpoint is wrong
    +-- RunError       a run directory or a file in it is wrong
    +-- CheckError     a self-check failed: training would not compute what it claims

Each message is one sentence that names the file, line or field and the remedy. The command line prints it without a
traceback (exit code 2 for misuse, 1 otherwise). A wrong answer by a model is never an error: it is a `Verdict`.
"""


class SecondthoughtError(Exception):
    """A `SecondthoughtError` is the base of all errors that users are meant to read."""

    exit_code = 1


class ConfigError(SecondthoughtError):
    """A setting is wrong; the message names the field."""

    exit_code = 2


class TaskError(SecondthoughtError):
    """A task or a row of its data is wrong; the message names the row."""


class PolicyError(SecondthoughtError):
    """A model, tokenizer or chat template cannot be used as asked."""


class RunError(SecondthoughtError):
    """A run directory or a file in it cannot be used as asked."""


class CheckError(SecondthoughtError):
    """A self-check before training failed."""


def first_line(error: Exception) -> str:
    r"""Return the first line of what a library's error says, else its kind: what fits into a sentence of ours.

    >>> first_line(ValueError("too long\nby far")), first_line(OSError())
    ('too long', 'OSError')
    """
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def shown(value: object) -> str:
    """Write a value, short enough for one sentence.

    >>> shown("no"), len(shown("so " * 100))
    ("'no'", 60)
    """
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
