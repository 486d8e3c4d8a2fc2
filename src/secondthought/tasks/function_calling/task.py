"""Function calling as a task: a request and tools are given, and the right calls are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from secondthought.errors import TaskError
from secondthought.protocols import Leak
from secondthought.rng import stream
from secondthought.tasks import reflection_prompts
from secondthought.tasks.function_calling import leak, mistakes, reflections, rows
from secondthought.tasks.function_calling.answers import answer_of
from secondthought.tasks.function_calling.findings import Finding, verdict_of
from secondthought.tasks.function_calling.gold import right_calls, written
from secondthought.tasks.function_calling.judge import Mode, judge
from secondthought.tasks.function_calling.options import FunctionCallingOptions
from secondthought.tasks.function_calling.readers import shape_of
from secondthought.tasks.function_calling.signatures import signature
from secondthought.tasks.function_calling.wanted import Wanted
from secondthought.tools.reading import read_calls
from secondthought.types import Problem, Split, Verdict

_MAX_KEPT = 20_000
"""Problems whose wanted calls are kept ready; the rest are read again when they are judged."""


class FunctionCalling:
    """Call the function that a request needs, with the right arguments.

    Rows of xLAM, of the Berkeley leaderboard (BFCL), of ToolAlpaca and of Seal-Tools are read; without files, problems
    that ship with the package. Calls are judged in one of three modes.
    """

    name = rows.NAME
    options_type = FunctionCallingOptions
    reflection_request = reflection_prompts.FUNCTION_CALL

    def __init__(self, **options: Any) -> None:
        self.options = FunctionCallingOptions.read(self.name, options)
        self._ready: dict[str, tuple[Mapping[str, Any], Wanted, Mode]] = {}
        if self.options.files:
            _ = self._rows  # a file that cannot be read is told at once

    @cached_property
    def _rows(self) -> rows.ProblemRows:
        return rows.read(self.options)

    @property
    def repeated(self) -> int:
        """Count the rows that were left out because they were there already."""
        return self._rows.repeated

    @property
    def left_out(self) -> int:
        """Count the requests that were left out because their calls cannot be stated beforehand."""
        return self._rows.left_out

    @cached_property
    def chance_level(self) -> float:
        """Return the accuracy of an answer that never calls: the share of problems that want no call."""
        held = [problem for problems in self._rows.problems.values() for problem in problems]
        return sum(judge_nothing(self._ready_for(problem)[0]) for problem in held) / len(held)

    def held(self, split: Split) -> int:
        """Return how many problems a split holds."""
        return len(self._rows.problems[split])

    def problems(self, split: Split, count: int, seed: int) -> list[Problem]:
        """Draw `count` distinct problems of a split."""
        held = self._rows.problems[split]
        if count > len(held):
            source = ", ".join(map(str, self.options.files)) or f"task {self.name}"
            raise TaskError(f"{source}: the {split} split holds {len(held)} problems, not {count}")
        return stream(self.name, split, seed).sample(held, count)

    def parse(self, data: Mapping[str, Any]) -> Problem:
        """Read a problem from one row of any shape."""
        return rows.problem_of(data, self.options)

    def verify(self, problem: Problem, text: str) -> Verdict:
        """Judge one completion."""
        return verdict_of(self.finding(problem, text))

    def finding(self, problem: Problem, text: str) -> Finding | None:
        """Return what is wrong with a completion; None if it is right."""
        wanted, mode = self._ready_for(problem)
        return judge(read_calls(text, problem.tools), wanted, mode)

    def answer(self, problem: Problem, text: str) -> str | None:
        """Return the calls of a completion in one form, whatever their order and dialect."""
        return answer_of(read_calls(text, problem.tools))

    def named_mistakes(self, problem: Problem, reflection: str) -> frozenset[str]:
        """Return the reasons of verdicts that a reflection speaks of."""
        return mistakes.named_mistakes(reflection)

    def gold(self, problem: Problem) -> str | None:
        """Return the right calls as JSON between tags; None where no call is accepted (a fault of the row)."""
        calls = right_calls(*self._ready_for(problem))
        return None if calls is None else written(calls)

    def changed_golds(self, problem: Problem) -> list[str]:
        """Return the right calls with one doubled, with one left out, and with an argument more (`tasks.checks`)."""
        wanted, mode = self._ready_for(problem)
        calls = right_calls(wanted, mode)
        if not calls or wanted.any_call:
            return []
        first = calls[0]
        more = replace(first, arguments={**first.arguments, "argument_that_no_tool_has": 1})
        return [written([*calls, first]), written(calls[1:]), written([more, *calls[1:]])]

    def oracle_reflection(self, problem: Problem, attempt: str) -> str | None:
        """Write what was wrong, and the right call or its place, as the option `oracle_shows` says."""
        right = right_calls(*self._ready_for(problem))
        if right is None:
            return None
        return reflections.oracle_reflection(self.finding(problem, attempt), right, self.options.oracle_shows)

    def contrary_reflection(self, problem: Problem, attempt: str) -> str | None:
        """Write a reflection of the same form that names a wrong call or tool."""
        wanted, mode = self._ready_for(problem)
        right = right_calls(wanted, mode)
        if right is None:
            return None
        shows = self.options.oracle_shows
        return reflections.contrary_reflection(self.finding(problem, attempt), right, wanted, shows)

    def general_reflection(self) -> str:
        """Return one piece of advice that fits every problem."""
        return reflections.GENERAL_REFLECTION

    def leak(self, problem: Problem, reflection: str) -> Leak:
        """Tell how much of the right calls the reflection gives away."""
        return leak.leak(right_calls(*self._ready_for(problem)) or (), reflection)

    def wanted(self, problem: Problem) -> Wanted:
        """Return what a problem wants."""
        return self._ready_for(problem)[0]

    def _ready_for(self, problem: Problem) -> tuple[Wanted, Mode]:
        """Return what a problem wants, made ready once, and the mode in which it is judged."""
        known = self._ready.get(problem.id)
        if known is None or known[0] is not problem.data:
            if len(self._ready) >= _MAX_KEPT:
                self._ready.clear()
            known = self._ready[problem.id] = (problem.data, *self._made_ready(problem))
        return known[1], known[2]

    def _made_ready(self, problem: Problem) -> tuple[Wanted, Mode]:
        shape = shape_of(problem.data)
        tools = [(tool, rows.shown_name(tool["name"], self.options)) for tool in shape.tools(problem.data)]
        signatures = {name: signature(tool, name) for tool, name in tools}
        wanted = shape.wanted(problem.data, signatures, lambda name: rows.shown_name(name, self.options))
        return wanted, shape.mode if self.options.mode == "auto" else self.options.mode


def judge_nothing(wanted: Wanted) -> bool:
    """Tell whether an answer without any call is right."""
    return not wanted.calls and not wanted.any_call
