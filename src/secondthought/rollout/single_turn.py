"""First tries: one completion per problem, judged. Everything else in this package continues from them."""

from __future__ import annotations

from secondthought.protocols import Policy, Task
from secondthought.rollout.sampling import Keys
from secondthought.rollout.scheduler import Ask, Course, Fork
from secondthought.types import Branch, Group, Problem, Prompt, Sampling, Turn, TurnKind


def attempt(policy: Policy, task: Task, problem: Problem, sampling: Sampling, key: int) -> Course[Turn]:
    """One try at a problem."""
    prompt = Prompt(trunk=policy.start(problem.messages), key=key)
    [completion] = yield Ask((prompt,), sampling)
    verdict = task.verify(problem, completion.text)
    return Turn(kind=TurnKind.ATTEMPT, prompt_ids=prompt.trunk, completion=completion, verdict=verdict)


def group_of_attempts(
    policy: Policy, task: Task, problem: Problem, *, group_size: int, sampling: Sampling, keys: Keys
) -> Course[Group]:
    """G tries at a problem as one group: plain GRPO. The trunk is the problem's own prompt."""
    names = [keys.of(problem, TurnKind.ATTEMPT, index) for index in range(group_size)]
    turns: list[Turn] = yield Fork([attempt(policy, task, problem, sampling, name) for name in names])
    return Group(problem=problem, history=(), branches=tuple(Branch(reflection=None, tries=(turn,)) for turn in turns))
