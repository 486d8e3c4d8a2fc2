"""First tries: one completion per problem, judged. Everything else in this package continues from them."""

from __future__ import annotations

from collections.abc import Sequence

from secondthought.episodes.sampling import Keys
from secondthought.protocols import Policy, Task
from secondthought.types import Branch, Group, Problem, Prompt, Sampling, Turn, TurnKind


def attempt(
    policy: Policy, task: Task, problems: Sequence[Problem], sampling: Sampling, keys: Sequence[int]
) -> list[Turn]:
    """One try per problem, in order; `keys` has one number per problem."""
    starts = [policy.start(problem.messages) for problem in problems]
    prompts = [Prompt(trunk=start, key=key) for start, key in zip(starts, keys, strict=True)]
    return [
        Turn(
            kind=TurnKind.ATTEMPT,
            prompt_ids=prompt.trunk,
            completion=completion,
            verdict=task.verify(problem, completion.text),
        )
        for problem, prompt, completion in zip(problems, prompts, policy.sample(prompts, sampling), strict=True)
    ]


def branch_attempts(
    policy: Policy, task: Task, problems: Sequence[Problem], *, group_size: int, sampling: Sampling, keys: Keys
) -> list[Group]:
    """G tries per problem as one group each: plain GRPO. The trunk is the problem's own prompt."""
    repeated = [problem for problem in problems for _ in range(group_size)]
    names = [keys.of(problem, TurnKind.ATTEMPT, index) for problem in problems for index in range(group_size)]
    turns = iter(attempt(policy, task, repeated, sampling, names))
    return [
        Group(
            problem=problem,
            history=(),
            branches=tuple(Branch(reflection=None, tries=(next(turns),)) for _ in range(group_size)),
        )
        for problem in problems
    ]
