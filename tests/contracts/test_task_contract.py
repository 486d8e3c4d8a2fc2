"""The contract, run for every task with problems of its own, for Countdown's presets, and for files of questions.

Other tasks of rows are tried by `tasks.checks` in their own tests, on rows of theirs.
"""

from __future__ import annotations

import json

import pytest
import task_contract as contract
from hypothesis import given, settings
from hypothesis import strategies as st

from secondthought.protocols import Task
from secondthought.tasks import TASKS, load
from secondthought.tasks.abilities import AnswerReader
from secondthought.tasks.countdown.problems import PRESETS
from secondthought.tasks.rows.row_task import RowTask

CASES = [
    *((name, {}) for name in TASKS if not isinstance(load(name), RowTask)),
    *(("countdown", {"preset": preset}) for preset in PRESETS if preset != "default"),
    ("countdown", {"answer_format": "boxed"}),
    ("countdown", {"preset": "four"}),
    ("countdown", {"num_numbers": (5, 6)}),
    ("questions.jsonl", {}),
    ("gsm8k", {"files": "questions.jsonl"}),
]
COUNT = 25
_TEXTS = st.text(max_size=200) | st.text(alphabet="<answer>/\\boxed{}0123456789+-*() \n", max_size=200)


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case[0]}{case[1] or ''}")
def case(request, tmp_path_factory):
    name, options = request.param
    if "questions.jsonl" in (name, *options.values()):
        path = tmp_path_factory.mktemp("jsonl") / "questions.jsonl"
        rows = [{"question": f"What is {n} doubled?", "answer": str(2 * n)} for n in range(1000)]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        if name == path.name:
            return str(path), options
        options = {"files": [str(path)]}
    return name, options


@pytest.fixture(scope="module")
def task(case) -> Task:
    return load(*case)


@pytest.fixture(scope="module")
def problems(task):
    """Problems of which the first wants an answer: of some, saying nothing is right."""
    found = task.problems("train", COUNT, seed=0)
    return sorted(found, key=lambda problem: task.verify(problem, "").correct)


def test_protocol(task):
    contract.check_protocol(task)


def test_chance_level(task):
    contract.check_chance_level(task)


def test_gold(task, problems):
    contract.check_accepts_gold(task, problems)
    contract.check_rejects_changed_gold(task, problems)


@pytest.mark.parametrize("text", contract.HOSTILE.values(), ids=contract.HOSTILE)
def test_hostile_text_gets_a_quick_verdict(task, problems, text):
    contract.check_fast(task, problems[0], text)


def test_answers(task, problems):
    if not isinstance(task, AnswerReader):
        pytest.skip("the task does not tell answers from the words around them")
    contract.check_answers(task, problems, list(contract.HOSTILE.values()))

    @settings(max_examples=150, deadline=None)
    @given(st.lists(_TEXTS, max_size=5))
    def check(texts):
        contract.check_answers(task, problems[:1], [f"<answer>{text}</answer>" for text in texts] + texts)

    check()


def test_total(task, problems):
    @settings(max_examples=150, deadline=None)
    @given(_TEXTS, st.booleans())
    def check(text, tagged):
        contract.check_total(task, problems[0], f"<answer>{text}</answer>" if tagged else text)

    check()


def test_deterministic(task, case):
    contract.check_deterministic(task, load(*case), COUNT)


def test_disjoint(task):
    @settings(max_examples=5, deadline=None)
    @given(st.tuples(*[st.integers(0, 2**40)] * 3))
    def check(seeds):
        contract.check_disjoint(task, COUNT, seeds)

    check()


def test_round_trip(task, problems):
    contract.check_round_trip(task, problems)


def test_parse_refuses(task, problems):
    contract.check_parse_refuses(task, problems[0])
