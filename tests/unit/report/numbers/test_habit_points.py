import json
import math
import re

import pytest
from fake_runs import HOSTILE, write_fake_run
from html_page import Page

from secondthought.report import arms, build_report, load_runs
from secondthought.report.numbers.habit_points import evaluation_points, steps_points
from secondthought.report.numbers.habits_of_run import habits_of_run
from secondthought.report.numbers.inputs import ReportInputs
from secondthought.report.numbers.readers import Reader, readers
from secondthought.report.numbers.run_habits import run_habits
from secondthought.report.page import browser
from secondthought.report.page.habit_curves import habit_charts
from secondthought.report.page.marked_text import HABITS
from secondthought.runs import RunDirectory
from secondthought.types import Reading, Span


class Everywhere:
    """Finds a behaviour in every run of letters and in every `<`, so that spans begin inside what must be escaped."""

    name = "everywhere"
    behaviors = HABITS

    def detect(self, thoughts):
        return [self._read(thought.text) for thought in thoughts]

    def _read(self, text):
        spans = [
            Span(behavior=HABITS[place % 4], start=found.start(), end=found.end() + 2, text=text[found.start() :][:4])
            for place, found in enumerate(re.finditer(r"[a-z]+|<", text))
        ]
        return Reading(counts={name: sum(span.behavior == name for span in spans) for name in HABITS}, spans=spans)


class Calculations:
    """Counts equals signs as verification; cannot tell backtracking where the text holds an I."""

    name = "calculations"
    behaviors = ("verification", "backtracking")

    def detect(self, thoughts):
        self.seen = [thought.problem for thought in thoughts]
        return [
            Reading(counts={"verification": text.count("="), "backtracking": None if "I" in text else 1})
            for text in (thought.text for thought in thoughts)
        ]


@pytest.fixture
def everywhere(monkeypatch):
    reader = Reader(letter="w", name="by wording", detector=Everywhere())
    monkeypatch.setattr("secondthought.report.numbers.inputs.readers", lambda run: (reader,))


def arms_and_readers(runs, reading):
    found = {run.label: run_habits(run, reading.get(run.label, ())) for run in runs}
    return ReportInputs(arms=arms(runs), readers=reading, habits=found)


def page(tmp_path, *runs):
    return Page(build_report(runs, tmp_path / "report.html").read_text())


def test_marked_hostile_text_is_inert(tmp_path, everywhere):
    run = write_fake_run(tmp_path / HOSTILE.replace("/", ""), hostile=True, steps=20, problems=20)
    found = page(tmp_path, run)
    assert found.open == []
    assert len(found.named("script")) == 1
    assert not found.named("img")
    assert not [attrs for _, attrs in found.tags if any(name.startswith("on") for name in attrs)]
    assert len(found.named("mark")) > 100
    assert HOSTILE in "".join(found.text)


def test_a_hostile_name_of_a_reader_is_inert(tmp_path, monkeypatch):
    reader = Reader(letter="w", name=f'"{HOSTILE}', detector=Everywhere())
    monkeypatch.setattr("secondthought.report.numbers.inputs.readers", lambda run: (reader,))
    found = page(tmp_path, write_fake_run(tmp_path / "run", steps=10, problems=20))
    assert not found.named("img")
    assert any(HOSTILE in attrs.get("title", "") for attrs in found.named("mark"))


def test_marks_change_no_text(tmp_path, everywhere):
    run = write_fake_run(tmp_path / "run", steps=10, problems=20)
    path = run / "episodes" / "step_000010.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows:
        for branch in row["branches"]:
            branch["tries"][0].pop("tokens")
            branch["tries"][0]["text"] = "  two  spaces\n\n<tag> &amp; end \n"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    text = build_report([run], tmp_path / "report.html").read_text()
    shown = re.findall(r'<div class="text">(.*?)</div>', text, flags=re.DOTALL)
    plain = {Page(one).text and "".join(Page(one).text) for one in shown}
    assert "  two  spaces\n\n<tag> &amp; end \n" in plain


def test_a_cut_text_is_marked_up_to_the_cut(tmp_path):
    run = write_fake_run(tmp_path / "run", steps=10, problems=20)
    [loaded] = load_runs([run])
    reader = Reader(letter="w", name="by wording", detector=Everywhere())
    for group in browser.sample([loaded], {loaded.label: [reader]}):
        for turn in (*group.history, *(turn for branch in group.branches for turn in branch.turns)):
            assert "".join(part.text for one in turn.stretches for part in one.parts) == "".join(turn.pieces)
            assert turn.counts["w"]


def test_a_full_page_still_shows_the_last_step(tmp_path, monkeypatch):
    runs = load_runs([write_fake_run(tmp_path / str(seed), seed=seed, steps=60, problems=20) for seed in range(2)])
    everything = browser.sample(runs)
    monkeypatch.setattr(browser, "MOST_ESCAPED", sum(map(browser._size, everything)) // 3)
    shown = browser.sample(runs)
    assert 12 <= len(shown) < len(everything)
    for run in runs:
        steps = [group.step for group in shown if group.run == run.label]
        assert set(steps) == set(run.directory.episode_steps())
        assert steps == sorted(steps)


def test_a_very_large_text_of_marks_stays_small(tmp_path, everywhere):
    run = write_fake_run(tmp_path / "run", steps=80, problems=20)
    for path in (run / "episodes").iterdir():
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        for row in rows:
            for branch in row["branches"]:
                branch["tries"][0].pop("tokens")
                branch["tries"][0]["text"] = "<a " * 600
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert build_report([run] * 3, tmp_path / "report.html").stat().st_size < 5_000_000


def test_points_are_those_of_the_slow_way(tmp_path):
    run = RunDirectory.open(write_fake_run(tmp_path / "run", arm="grpo", steps=20, problems=20))
    path = run.episodes_path(10)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for place, row in enumerate(rows):
        row["problem_id"] = f"p{place}"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    [point] = steps_points(run, [10], Calculations())
    values = [[turn["text"].count("=") for branch in row["branches"] for turn in branch["tries"]] for row in rows]
    assert (point.source, point.step, point.turn, point.texts, point.problems) == ("episodes", 10, "attempt", 48, 8)
    found = point.habits["verification"].mean_count
    # Two finds in every text: Poisson's bounds of as many texts as there are problems.
    assert {count for group in values for count in group} == {2}
    assert (found.estimate, found.n) == (2, 8)
    half = 1.959964 * math.sqrt(16 + 1.959964**2 / 4)
    assert (found.low, found.high) == pytest.approx([(16 + 1.959964**2 / 2 + side * half) / 8 for side in (-1, 1)])
    right = [turn["verdict"]["correct"] for row in rows for branch in row["branches"] for turn in branch["tries"]]
    assert point.accuracy.estimate == pytest.approx(sum(right) / len(right))


def test_few_groups_give_no_share_below_zero_and_no_certainty(tmp_path):
    run = RunDirectory.open(write_fake_run(tmp_path / "run", arm="grpo", steps=20, problems=20))
    path = run.episodes_path(10)
    rows = [json.loads(line) for line in path.read_text().splitlines()][:2]
    for place, row in enumerate(rows):
        row["problem_id"] = f"p{place}"
        for branch in row["branches"]:
            branch["tries"][0]["verdict"]["correct"] = place == 0
            branch["tries"][0]["num_tokens"] = 1 + 50 * place
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    [point] = steps_points(run, [10], Calculations())
    # 24 right and 24 wrong, but of two problems: no more than one right answer of two.
    assert (point.accuracy.low, point.accuracy.estimate, point.accuracy.high) == pytest.approx(
        (0.0945, 0.5, 0.9055), abs=1e-4
    )
    assert (point.tokens.low, point.tokens.estimate) == (0, 26)
    for row in rows:
        for branch in row["branches"]:
            branch["tries"][0]["verdict"]["correct"] = True
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    [point] = steps_points(run, [10], Calculations())
    assert point.accuracy.low < 1
    assert point.accuracy.high == 1


def test_history_is_not_read_and_kinds_of_turn_are_apart(tmp_path):
    run = RunDirectory.open(write_fake_run(tmp_path / "run", steps=20, problems=20))
    points = list(steps_points(run, run.episode_steps(), Calculations()))
    assert [(point.step, point.turn) for point in points] == [
        (step, turn) for step in (10, 20) for turn in ("reflection", "retry")
    ]
    missing = points[0].habits["backtracking"]
    assert 0 < missing.missing < 48
    assert missing.mean_count.estimate == 1
    evaluated = list(evaluation_points(run, Calculations()))
    assert {point.turn for point in evaluated} == {"attempt", "reflection", "retry"}
    assert {point.source for point in evaluated} == {
        f"{when}_t{temperature}" for when in ("before", "after") for temperature in ("1.0", "0.5", "0.0")
    }
    assert [point.texts for point in evaluated if point.turn == "attempt"] == [20] * 6


def test_a_reflection_is_right_where_most_of_its_retries_are(tmp_path):
    run = RunDirectory.open(write_fake_run(tmp_path / "run", steps=10, problems=20))
    path = run.episodes_path(10)
    [row, *_] = [json.loads(line) for line in path.read_text().splitlines()]
    row["branches"] = row["branches"][:4]
    for place, branch in enumerate(row["branches"]):
        retry = branch["tries"][0]
        branch["tries"] = [{**retry, "verdict": {"correct": right < place}} for right in range(3)]
    path.write_text(json.dumps(row) + "\n")
    reflections, retries = steps_points(run, [10], Calculations())
    assert (reflections.turn, reflections.accuracy.estimate) == ("reflection", 0.5)  # 0, 1, 2 and 3 of three retries
    assert (retries.turn, retries.accuracy.estimate) == ("retry", 0.5)
    evaluated = {point.turn: point for point in evaluation_points(run, Calculations()) if point.source == "after_t1.0"}
    assert evaluated["reflection"].accuracy.estimate == evaluated["retry"].accuracy.estimate


def test_what_the_reward_picks_is_pooled_over_the_steps(tmp_path):
    """Of every group half of the branches hold a sum, and those are right."""
    path = write_fake_run(tmp_path / "run", arm="grpo", steps=20, problems=20)
    run = RunDirectory.open(path)
    for step in (10, 20):
        rows = [json.loads(line) for line in run.episodes_path(step).read_text().splitlines()]
        for row in rows:
            for place, branch in enumerate(row["branches"]):
                branch["tries"][0]["text"] = "1 + 1 = 2" if place % 2 else "two"
                branch["tries"][0]["verdict"]["correct"] = place % 2 == 1 and (step == 10 or place > 1)
        run.episodes_path(step).write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = habits_of_run(path, Calculations())
    [picked] = found["picked"]
    points = [point for point in found["points"] if point["source"] == "episodes"]
    by_step = [point["behaviors"]["verification"]["right_difference"]["estimate"] for point in points]
    assert (picked["turn"], picked["texts"]) == ("attempt", sum(point["texts"] for point in points))
    assert by_step[0] == 1
    assert by_step[1] == pytest.approx(2 / 3)  # one of the three that hold a sum is wrong
    assert picked["behaviors"]["verification"]["estimate"] == pytest.approx(5 / 6)
    assert picked["behaviors"]["backtracking"]["estimate"] is None  # all texts show it


def test_a_task_reads_the_problems(tmp_path):
    [run] = load_runs([write_fake_run(tmp_path / "run", steps=10, problems=20)])
    detector = Calculations()
    [deeds] = [reader for reader in readers(run) if reader.letter == "d"]
    list(steps_points(run.directory, [10], detector, deeds.task))
    assert all(problem is not None and problem.task == "countdown" for problem in detector.seen)
    list(steps_points(run.directory, [10], detector))
    assert detector.seen[0] is None


def test_curves_of_one_arm_and_of_several(tmp_path):
    runs = load_runs(
        [write_fake_run(tmp_path / "a", steps=30, problems=20), write_fake_run(tmp_path / "b", arm="grpo", steps=30)]
    )
    reader = Reader(letter="w", name="by wording", detector=Everywhere())
    reading = {run.label: (reader,) for run in runs}
    drawn, absent, never = habit_charts(arms_and_readers(runs[:1], reading))
    assert ([chart.title for chart in drawn], absent, never) == (["Habits, by wording"], [], [])
    assert [label for label, _ in drawn[0].legend] == [name.replace("_", " ") for name in HABITS]
    drawn, _, _ = habit_charts(arms_and_readers(runs, reading))
    assert [chart.title for chart in drawn] == [f"Habits, by wording: {name.replace('_', ' ')}" for name in HABITS]
    assert habit_charts(arms_and_readers(runs, {})) == ([], [], [])


class Nothing(Everywhere):
    """Finds subgoal setting only."""

    def _read(self, text):
        return Reading(counts={name: int(name == "subgoal_setting") for name in HABITS}, spans=())


class Seldom(Everywhere):
    """Finds in a few of the texts, so that an interval about their mean would reach below zero."""

    def _read(self, text):
        return Reading(counts=dict.fromkeys(HABITS, 40 * text.endswith("7</answer>")), spans=())


def test_what_was_never_found_is_said_and_not_drawn(tmp_path):
    runs = load_runs(
        [write_fake_run(tmp_path / "a", steps=30, problems=20), write_fake_run(tmp_path / "b", arm="grpo", steps=30)]
    )
    reader = Reader(letter="w", name="by wording", detector=Nothing())
    reading = {run.label: (reader,) for run in runs}
    drawn, absent, never = habit_charts(arms_and_readers(runs, reading))
    assert [chart.title for chart in drawn] == ["Habits, by wording: subgoal setting"]
    assert absent == []
    assert never == ["by wording (verification, backtracking, backward chaining)"]


def test_never_found_in_one_arm_has_no_line_in_its_chart(tmp_path):
    runs = load_runs([write_fake_run(tmp_path / "a", steps=30, problems=20)])
    reader = Reader(letter="w", name="by wording", detector=Nothing())
    drawn, _, never = habit_charts(arms_and_readers(runs, {run.label: (reader,) for run in runs}))
    assert [(chart.title, chart.legend) for chart in drawn] == [("Habits, by wording", (("subgoal setting", 2),))]
    assert never == ["by wording (verification, backtracking, backward chaining)"]


def test_what_could_not_be_told_was_not_looked_for_in_vain(tmp_path):
    class Missing(Nothing):
        def _read(self, text):
            return Reading(counts={name: None if name == "verification" else 1 for name in HABITS}, spans=())

    runs = load_runs([write_fake_run(tmp_path / "a", steps=30, problems=20)])
    reader = Reader(letter="w", name="by wording", detector=Missing())
    drawn, _, never = habit_charts(arms_and_readers(runs, {run.label: (reader,) for run in runs}))
    assert never == []
    assert "verification" not in dict(drawn[0].legend)


def test_the_axis_of_counts_begins_at_zero(tmp_path):
    [run] = load_runs([write_fake_run(tmp_path / "a", arm="grpo", steps=30, problems=20)])
    reader = Reader(letter="w", name="by wording", detector=Seldom())
    points = list(steps_points(run.directory, run.directory.episode_steps(), reader))
    counts = [rates.mean_count for point in points for rates in point.habits.values()]
    assert any(count.estimate > 0 for count in counts)
    assert all(count.low >= 0 for count in counts if not math.isnan(count.low))
    drawn, _, _ = habit_charts(arms_and_readers([run], {run.label: (reader,)}))
    assert drawn
    assert not any(">-" in chart.svg for chart in drawn)


def test_the_page_opens_with_the_reader_that_found_something(tmp_path, monkeypatch):
    made = (
        Reader(letter="w", name="by wording", detector=Nothing()),
        Reader(letter="d", name="by what was done", detector=Everywhere()),
    )
    monkeypatch.setattr("secondthought.report.numbers.inputs.readers", lambda run: made)
    found = page(tmp_path, write_fake_run(tmp_path / "run", steps=10, problems=20))
    assert [attrs["data-habits"] for _, attrs in found.tags if "data-habits" in attrs] == ["d"]


def test_steps_without_episodes_have_no_curves(tmp_path):
    with RunDirectory.create(tmp_path / "run") as run:
        run.write_config({})
    runs = load_runs([run.path])
    reader = Reader(letter="w", name="by wording", detector=Everywhere())
    assert habit_charts(arms_and_readers(runs, {"run": (reader,)})) == ([], ["Habits, by wording"], [])


def test_readers_of_another_task_ask_for_no_numbers(tmp_path):
    run = write_fake_run(tmp_path / "run", steps=10, problems=20)
    path = run / "config.json"
    path.write_text(path.read_text().replace('"countdown"', '"arithmetic"'))
    assert [reader.letter for reader in readers(load_runs([run])[0])] == ["w"]


def test_long_texts_are_read_up_to_a_bound(tmp_path):
    [run] = load_runs([write_fake_run(tmp_path / "run", steps=10, problems=20)])
    for reader in readers(run):
        [reading] = reader.read(["Wait, let me check. " * 200_000], {})
        assert all(span.end <= 20_000 for span in reading.spans)
        assert not any(math.isnan(count) for count in reading.counts.values() if count is not None)
