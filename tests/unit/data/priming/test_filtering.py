"""What enters a set from elsewhere: no problem of the task's own test split, and only the verdicts that are wanted."""

import json

from secondthought import tasks
from secondthought.data.priming.filtering import TEST, UNWANTED, from_file
from secondthought.types import SPLITS

COUNT = 60


def rows_of(tmp_path, name="rows", count=COUNT, start=0):
    path = tmp_path / f"{name}.jsonl"
    rows = ({"question": f"Say {number}.", "answer": str(number)} for number in range(start, start + count))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def traces_of(tmp_path, task, splits=SPLITS):
    """Write a right trace of every problem."""
    path = tmp_path / "traces.jsonl"
    problems = [problem for split in splits for problem in task.problems(split, task.held(split), 0)]
    rows = ({"problem": dict(problem.data), "completion": task.gold(problem)} for problem in problems)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def taken(tmp_path, task):
    return from_file(traces_of(tmp_path, task), task, None)


def test_a_larger_test_split_of_the_task_is_left_out_as_well(tmp_path):
    task = tasks.load(str(rows_of(tmp_path)), {"test_percent": 40})
    found = taken(tmp_path, task)
    held_out = {problem.id for problem in task.problems("test", task.held("test"), 0)}
    assert len(held_out) > COUNT / 4
    assert not held_out & {trace.problem.id for trace in found.traces}
    assert found.left_out[TEST] == len(held_out)
    assert len(found.traces) == COUNT - len(held_out)


def test_of_a_mixture_the_test_problems_of_each_part_are_left_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = rows_of(tmp_path).name
    mixture = tasks.load(f"{name}+arithmetic", {f"{name}.test_percent": 50})
    problems = [p for split in SPLITS for p in mixture.problems(split, min(40, mixture.held(split)), 0)]
    rows = ({"problem": dict(p.data), "completion": mixture.gold(p)} for p in problems)
    (tmp_path / "traces.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    kept = {trace.problem.id for trace in from_file(tmp_path / "traces.jsonl", mixture, None).traces}
    held_out = {p.id for part in mixture.parts.values() for p in part.problems("test", part.held("test"), 0)}
    assert {name.partition("/")[0] for name in kept} == set(mixture.parts)
    assert not {name.partition("/")[2] for name in kept} & held_out


def test_right_tries_are_taken_wherever_they_stand(tmp_path):
    """Rejection sampling: first tries and retries alike, as answers to the bare problem."""
    task = tasks.load(str(rows_of(tmp_path)))
    one, other, third = task.problems("train", 3, 0)
    said = {"no": "999", "one": task.gold(one), "other": task.gold(other)}

    def row(problem, *texts):
        kinds = ("attempt", "reflection", "retry")
        turns = [{"kind": kind, "text": text} for kind, text in zip(kinds, texts, strict=False)]
        return {"problem_id": problem.id, "data": dict(problem.data), "turns": turns}

    rows = [
        row(one, said["one"]),
        row(other, said["no"], said["other"], said["other"]),
        row(third, said["no"], "", "1"),
    ]
    path = tmp_path / "before.jsonl"
    path.write_text("".join(json.dumps(item) + "\n" for item in rows))
    found = from_file(path, task, None, correct=True)
    assert [(trace.problem.id, trace.completion) for trace in found.traces] == [
        (one.id, said["one"]),
        (other.id, said["other"]),
    ]
    assert found.left_out[UNWANTED[False]] == 3
