"""What people wrote for TRL's GRPOTrainer is a task: a data set with `prompt`, and functions that reward completions.

The contract (github.com/huggingface/trl, docs/source/grpo_trainer.md): `f(prompts, completions, **columns)` returns a
number for each completion, or None. A completion is a text, or `[{"role": "assistant", "content": text}]` where
prompts are conversations. A pair of number and text is taken too: the text is feedback.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

from pydantic import model_validator

from secondthought import plugins
from secondthought.errors import TaskError, first_line, shown
from secondthought.rng import key
from secondthought.tasks.judging import MAX_REWARD, number
from secondthought.tasks.rows.pool import RowOptions, spelled
from secondthought.tasks.rows.row_task import RowTask
from secondthought.types import Message, Problem, Verdict

_ROLES = ("system", "user", "assistant")


class TrlOptions(RowOptions):
    """`TrlOptions` name the functions, the rows, and from which reward on a completion is right."""

    rewards: str
    """`module:function`, or several with commas between; their rewards are added."""
    dataset: str = ""
    """One more source of rows, as `files` has them."""
    weights: tuple[float, ...] = ()
    """Factors of the functions' rewards, in their order; 1 each if there are none."""
    right_from: float = 1.0
    """Rewards from this one on mean that a completion is right, and nothing has to be tried again."""
    gold: str = ""
    """Column with a completion that is right, where there is one."""

    @model_validator(mode="after")
    def _weighted(self) -> Self:
        if self.weights and len(self.weights) != len(self.rewards.split(",")):
            raise ValueError(f"{len(self.weights)} weights for {len(self.rewards.split(','))} functions")
        return self

    @model_validator(mode="before")
    @classmethod
    def _with_dataset(cls, given: Any) -> Any:
        return {**given, "files": (*given.get("files", ()), given["dataset"])} if given.get("dataset") else given


class TrlRewards(RowTask[TrlOptions]):
    """Answer a prompt of a data set; right is what functions written for TRL reward."""

    name: ClassVar[str] = "trl"
    options_type = TrlOptions
    source = "dataset, a file of rows with 'prompt', or hub:OWNER/NAME"

    def __init__(self, **given: Any) -> None:
        names = self.options_type.read(self.name, given).rewards.split(",")
        self._functions = [(name.strip(), _function(name.strip())) for name in names]
        super().__init__(**given)

    def problem_of(self, row: Mapping[str, Any]) -> Problem:
        """Read a row."""
        prompt = row.get("prompt")
        said = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
        messages = _messages(said)
        return Problem(
            id=f"{self.name}:{key(self.name, *(spelled(m.content) for m in messages), repr(_columns(row))):016x}",
            task=self.name,
            messages=messages,
            data=dict(row),
        )

    def verify(self, problem: Problem, text: str) -> Verdict:
        """Ask every function about one completion.

        Raises:
            TaskError: a function fails, or returns what is no reward.
        """
        prompt = problem.data["prompt"]
        completion = text if isinstance(prompt, str) else [{"role": "assistant", "content": text}]
        found = [_reward(name, function, prompt, completion, problem.data) for name, function in self._functions]
        weights = self.options.weights or (1.0,) * len(found)
        given = [weight * reward for weight, (reward, _) in zip(weights, found, strict=True) if reward is not None]
        if not given:
            return Verdict(correct=False, reward=0.0, reason="not_judged", well_formed=False)
        correct = sum(given) >= self.options.right_from
        feedback = "" if correct else " ".join(text for _, text in found if text)
        reason = "correct" if correct else "wrong"
        return Verdict(correct=correct, reward=sum(given), reason=reason, well_formed=True, feedback=feedback)

    def gold(self, problem: Problem) -> str | None:
        """Return the row's own completion, where a column is named that holds one."""
        found = problem.data.get(self.options.gold)
        return found if isinstance(found, str) else None


def _function(name: str) -> Callable[..., Any]:
    """Import a reward function. One that does not take `completions` by name is none, and is not called."""
    found = plugins.named(name, "reward function", TaskError, "module:function")
    try:
        parameters = inspect.signature(found).parameters if callable(found) else {}
    except (TypeError, ValueError):
        parameters = {}
    if "completions" not in parameters or "completion_ids" in parameters:
        wanted = "must be a function that takes `completions`, others by **kwargs, not `completion_ids`: it sees text"
        raise TaskError(f"reward function {name}: {wanted}")
    return found if not inspect.iscoroutinefunction(found) else lambda **given: asyncio.run(found(**given))


def _reward(
    name: str, function: Callable[..., Any], prompt: Any, completion: Any, row: Mapping[str, Any]
) -> tuple[float | None, str]:
    """Return one function's reward, None where it gives none, and its feedback."""
    columns: dict[str, Any] = {column: [value] for column, value in _columns(row).items()}
    columns |= {"trainer_state": None, "log_extra": _ignore, "log_metric": _ignore}
    try:
        returned = function(prompts=[prompt], completions=[completion], **columns)
        (item,) = returned
        reward, feedback = item if isinstance(item, tuple) else (item, "")
    except Exception as error:  # somebody's code
        raise TaskError(f"reward function {name}: {type(error).__name__}: {first_line(error)}") from error
    found = number(reward)
    if reward is not None and (found is None or not abs(found) <= MAX_REWARD):
        raise TaskError(f"reward function {name}: returned {shown(reward)}, which is no reward")
    return found, str(feedback)


def _columns(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in ("prompt", "completion", "completion_ids")}


def _messages(said: Any) -> tuple[Message, ...]:
    if not isinstance(said, list) or not said or not all(_is_message(item) for item in said):
        raise TaskError(f"trl problem: 'prompt' must be a text or a list of messages of text, not {shown(said)}")
    if said[-1]["role"] != "user":
        raise TaskError("trl problem: 'prompt' must end with a message of the user")
    return tuple(Message(role=item["role"], content=item["content"]) for item in said)


def _is_message(item: Any) -> bool:
    return isinstance(item, Mapping) and item.get("role") in _ROLES and isinstance(item.get("content"), str)


def _ignore(*_: Any, **__: Any) -> None:
    """Take what a function logs."""
