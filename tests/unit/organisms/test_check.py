"""The listening table tells a policy that follows reflections from one that does not."""

import math
import re

import pytest

from secondthought.inference.scripted import ScriptedPolicy
from secondthought.organisms.check import CONTROLS, SHIP_AT, check
from secondthought.tasks.arithmetic import Arithmetic
from secondthought.tasks.countdown import Countdown, solver

TASK = Countdown(preset="tiny")
STEP = re.compile(r"(\d+)([-+*/])(\d+)\.")
COUNT = 40


def numbers_of(text):
    inner = text[text.rindex("[") + 1 : text.rindex("]")]
    return tuple(map(int, inner.split(", "))), int(text.rsplit("equals ", 1)[1].split(".")[0])


def listener(messages, key):
    """Fails first, reflects at random, and solves a problem exactly if the last reflection begins a solution."""
    last = messages[-1].content
    if "Reflect on" in last:
        return "Start with 1+1."
    if len(messages) < 4:
        return "<answer>1</answer>"
    numbers, target = numbers_of(last)
    match = STEP.search(messages[-2].content)
    if not match:
        return "<answer>1</answer>"
    a, b = int(match[1]), int(match[3])
    step = (min(a, b), match[2], max(a, b)) if match[2] in "+*" else (a, match[2], b)
    solves = step in solver.first_steps(tuple(sorted(numbers)), target)
    return f"<answer>{solver.solutions(tuple(sorted(numbers)), target)[0] if solves else 1}</answer>"


def test_a_listener_may_ship():
    table = check(ScriptedPolicy(listener), TASK, COUNT, 0, num_groups=4)
    rates = {row.name: row.rate.estimate for row in table.controls}
    assert rates["oracle"] == 1.0
    assert rates["contrary"] == rates["fixed"] == rates["no_reflection"] == 0.0
    assert table.listening.estimate > 0.8
    assert table.may_ship


def test_the_deaf_may_not():
    table = check(ScriptedPolicy(lambda messages, key: "<answer>1+1+1</answer>"), TASK, COUNT, 0, num_groups=4)
    assert table.listening.estimate == 0.0
    assert not table.may_ship
    assert table.mixed_groups.estimate == 0.0


def test_the_table_has_a_line_for_every_rate_with_its_interval():
    table = check(ScriptedPolicy(listener), TASK, COUNT, 0, num_groups=4)
    lines = list(table.lines())
    assert len(lines) == 1 + 2 + len(CONTROLS) + 2
    assert all(re.search(r"\[.*, .*\] +\d+$", line) for line in lines[1:])
    assert [row.name for row in table.tries] == ["first try", "second try"]
    assert table.tries[0].rate.n == COUNT


def test_without_an_oracle_listening_is_undefined_and_nothing_ships():
    class Secretive(Arithmetic):
        def gold(self, problem):
            return None

    table = check(ScriptedPolicy(lambda messages, key: "no idea"), Secretive(), 5, 0, num_groups=2)
    assert math.isnan(table.listening.estimate)
    assert not table.may_ship


def test_the_bar_is_the_one_that_was_agreed():
    assert pytest.approx(0.25) == SHIP_AT
