"""A study's jobs: what each is, what is reused, and what waits; the jobs themselves are fakes."""

import json
import subprocess
import sys

import pytest

from secondthought.config import RunConfig
from secondthought.errors import ConfigError, RunError
from secondthought.runs.declaration import declare
from secondthought.runs.directory import RunDirectory
from secondthought.runs.lock import Lock
from secondthought.study import queue
from secondthought.study import run as study
from secondthought.study.arms import ENOUGH_STEPS, StudyArm
from secondthought.study.config import load_study

TEXT = """
out = "{out}"
[settings.train]
steps = 3
[arms.first]
seeds = [0, 1]
[arms.second]
tokens_of = "first"
[arms.second.settings.algorithm]
type = "grpo"
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setattr(queue, "POLL_SECONDS", 0.01)
    path = tmp_path / "study.toml"
    path.write_text(TEXT.format(out=tmp_path / "out"))
    return path


@pytest.fixture
def started(monkeypatch):
    """Jobs that were started; each leaves a run that finished, or fails where `fail` names it."""
    names, fail = [], set()

    def start(job):
        names.append(job.name)
        failed = job.name in fail
        with RunDirectory.create(job.config.run_dir, overwrite=True) as run:
            run.write_config(job.config.model_dump(mode="json"))
            declare(run, job.declared)
            run.write_summary("failed" if failed else "finished", {"tokens_sampled": 100 + 50 * job.seed})
        return subprocess.Popen([sys.executable, "-c", f"raise SystemExit({int(failed)})"])

    monkeypatch.setattr(queue, "_start", start)
    return names, fail


def run(file, **options):
    return study.run_study(file, progress=lambda text: None, **options)


def test_all_jobs_then_none(file, started):
    names, _ = started
    found = run(file)
    assert found["complete"]
    assert names == ["first/seed_0", "first/seed_1", "second/seed_0"]
    assert run(file) == found
    assert len(names) == 3


def test_a_study_that_another_process_works_at_is_refused_and_left_alone(file, started, tmp_path):
    names, _ = started
    (tmp_path / "out").mkdir()
    with (
        Lock.acquire(tmp_path / "out", "study"),
        pytest.raises(RunError, match=r"out: process \d+ is writing this study; wait or stop it"),
    ):
        run(file)
    assert names == []
    assert run(file)["complete"]


def test_a_job_that_outlives_its_study_is_waited_for(file, started, tmp_path):
    """Where the study alone was killed, its job goes on: a second process of it would only be told to fail."""
    names, _ = started
    with (
        RunDirectory.create(tmp_path / "out" / "first" / "seed_1"),
        pytest.raises(RunError, match=r"seed_1: process \d+ is writing this run; wait or stop it"),
    ):
        run(file)
    assert names == []


def test_a_priming_that_outlives_its_study_is_waited_for(file, started, tmp_path):
    names, _ = started
    file.write_text(file.read_text() + '[arms.primed]\npriming = "direct"\n')
    with (
        RunDirectory.create(tmp_path / "out" / "primed" / "primed" / "sft"),
        pytest.raises(RunError, match=r"sft: process \d+ is writing this run; wait or stop it"),
    ):
        run(file)
    assert names == []


def test_a_study_that_is_stopped_tells_all_jobs_before_it_waits_for_one(file, monkeypatch):
    """One that takes long to keep what it learned must not use up the time of the others."""
    told = []

    class Slow(_EndsAfter):
        def __init__(self):
            super().__init__(lambda: False)

        def terminate(self):
            told.append("asked to end")

        def wait(self):
            told.append("waited for")

    def stop(text):
        if text == "first/seed_1: begins":
            raise KeyboardInterrupt

    file.write_text("jobs = 3\n" + file.read_text() + "[arms.third]\n")
    monkeypatch.setattr(queue, "_start", lambda job: Slow())
    monkeypatch.setattr(queue, "_first_seeds_first", lambda job: (job.seed, job.arm))
    with pytest.raises(KeyboardInterrupt):
        study.run_study(file, progress=stop)
    assert told == ["asked to end", "asked to end", "waited for", "waited for"]


def test_an_equal_budget_is_the_mean_of_the_other_arms(file, started):
    run(file)
    (job,) = StudyArm(load_study(file), "second", "test").jobs()
    assert job.config.train.max_sampled_tokens == 125
    assert job.config.train.steps == ENOUGH_STEPS
    assert job.config.algorithm.type == "grpo"


def test_what_a_run_lacks_is_told_before_any_begins(file, started, tmp_path):
    names, _ = started
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(f'{{"question": "q{n}", "answer": "{n}"}}\n' for n in range(100)))
    file.write_text(
        file.read_text()
        + f"""
[arms.short.settings]
task = {{ name = "{rows}", options = {{ test_percent = 40 }} }}
evaluation = {{ problems = 90 }}
train = {{ failures = "{tmp_path}/no_failures.jsonl" }}
[arms.lost.settings.task]
name = "{tmp_path}/lost.jsonl"
"""
    )
    with pytest.raises(ConfigError) as told:
        run(file)
    lines = sorted(str(told.value).splitlines())
    assert [line.split(": ", 2)[1] for line in lines] == ["arms.lost", "arms.short", "arms.short"]
    assert "lost.jsonl: cannot be read" in lines[0]
    assert any("questions, not 90; lower evaluation.problems (90)" in line for line in lines)
    assert any(line.endswith("no_failures.jsonl: no such file") for line in lines)
    assert names == []


def test_a_failed_job_is_named_and_tried_again(file, started):
    names, fail = started
    fail.add("first/seed_1")
    found = run(file)
    assert found["pieces"]["first/seed_1"] == "failed"
    assert not found["complete"]
    assert "second/seed_0" not in names
    assert found["pieces"]["second/seed_0"] == "pending"
    fail.clear()
    assert run(file)["complete"]
    assert names.count("first/seed_0") == 1


def test_an_arm_with_a_budget_of_its_own_does_not_wait_for_a_failed_one(file, started):
    _, fail = started
    file.write_text(file.read_text() + '[arms.third]\nsettings.algorithm = { type = "retry-only" }\n')
    fail.add("first/seed_0")
    found = run(file)
    assert found["pieces"]["third/seed_0"] == "finished"
    assert found["pieces"]["second/seed_0"] == "pending"


def test_what_waits_begins_as_soon_as_it_can(file, started, monkeypatch):
    """`second` takes the budget of `first`; it does not wait for `slow`, which ends only once `second` has begun."""
    names, _ = started
    quick = queue._start
    slow = "[arms.slow]\n"
    file.write_text("jobs = 2\n" + file.read_text() + slow)

    def start(job):
        process = quick(job)
        if job.arm != "slow":
            return process
        process.wait()
        return _EndsAfter(lambda: "second/seed_0" in names)

    monkeypatch.setattr(queue, "_start", start)
    told = []
    assert study.run_study(file, progress=told.append)["complete"]
    assert told.index("second/seed_0: begins") < told.index("slow/seed_0: finished")


class _EndsAfter:
    """Stands for a process."""

    def __init__(self, done):
        self._done, self._polls, self.returncode = done, 0, None

    def poll(self):
        self._polls += 1
        assert self._polls < 1000, "nothing else begins"
        self.returncode = 0 if self._done() else None
        return self.returncode

    def terminate(self):
        pass

    def wait(self):
        pass


def test_a_wrong_setting_of_a_later_arm_is_found_before_anything_begins(file, started):
    names, _ = started
    file.write_text(file.read_text() + '[arms.third]\ntokens_of = "first"\nsettings.train = { stepz = 3 }\n')
    with pytest.raises(ConfigError, match="stepz"):
        run(file)
    assert names == []


def test_a_model_that_is_not_there_is_found_before_anything_begins(file, started):
    names, _ = started
    file.write_text(file.read_text() + '[arms.third]\nsettings.model = { path = "runs/bases/b-{seed}" }\n')
    with pytest.raises(ConfigError, match=r"arms\.third: settings\.model\.path: runs/bases/b-0: no checkpoint here"):
        run(file)
    assert names == []


def test_a_base_per_seed_is_no_hub_id(file, started):
    file.write_text(file.read_text() + '[arms.third]\nsettings.model = { path = "bases/b-{seed}" }\n')
    with pytest.raises(ConfigError, match=r"arms\.third: settings\.model\.path: bases/b-0: no checkpoint here"):
        run(file)


def test_what_waits_is_said_arm_by_arm(file, started):
    _, fail = started
    fail |= {"first/seed_0", "first/seed_1"}
    told = []
    study.run_study(file, progress=told.append)
    assert told[-1] == "second waits for first/seed_0 and 1 more"


def test_the_deadline_leaves_the_rest_pending(file, started):
    names, _ = started
    found = run(file, minutes=-1)
    assert names == []
    assert set(found["pieces"].values()) == {"pending"}


def test_other_settings_than_a_finished_job_had_are_refused(file, started):
    run(file)
    file.write_text(file.read_text().replace("steps = 3", "steps = 4"))
    with pytest.raises(RunError, match=r"was made with other settings: train\.steps \(3 -> 4\); move it away"):
        run(file)


def test_an_arm_that_is_not_above_is_no_budget(file):
    file.write_text(file.read_text().replace('tokens_of = "first"', 'tokens_of = "third"'))
    with pytest.raises(ConfigError, match=r"arms\.second\.tokens_of: 'third' is no arm above it"):
        load_study(file)


def test_nothing_is_primed_anew_that_is_not_primed(file):
    file.write_text(file.read_text().replace("seeds = [0, 1]", "primed_anew = true"))
    with pytest.raises(ConfigError, match=r"arms\.first\.primed_anew: this arm has no `priming`"):
        load_study(file)


@pytest.mark.parametrize(("seeds", "said"), [("[]", "seeds"), ("[0, 1, 0]", r"seeds: \[0, 1, 0\] holds a seed twice")])
def test_seeds_are_there_and_differ(file, seeds, said):
    file.write_text(file.read_text().replace("seeds = [0, 1]", f"seeds = {seeds}"))
    with pytest.raises(ConfigError, match=said):
        load_study(file)


@pytest.mark.parametrize(
    ("common", "said"),
    [('language = "short"', "language"), ("count = 0", "count"), ("", "no priming arm 'all-strategy'")],
)
def test_a_wrong_set_is_found_before_anything_begins(file, started, common, said):
    names, _ = started
    name = "all-strategy" if not common else "direct"
    file.write_text(f'{file.read_text()}[arms.primed]\npriming = "{name}"\n[priming]\n{common}\n')
    with pytest.raises(ConfigError, match=said):
        run(file)
    assert names == []


def test_settings_lie_over_the_common_ones(file):
    jobs = list(StudyArm(load_study(file), "first", "test").jobs())
    assert [job.config.seed for job in jobs] == [0, 1]
    assert all(job.config.train.steps == 3 for job in jobs)
    assert isinstance(jobs[0].config, RunConfig)


def as_earlier(run_dir, **origin):
    """Rewrite a run as earlier versions did, which held among its settings what is declared of it."""
    (run_dir / "declared.json").unlink(missing_ok=True)
    written = json.loads((run_dir / "config.json").read_text())
    written["config"]["origin"] = {"base": "", "priming": "", "dose": None, **origin}
    (run_dir / "config.json").write_text(json.dumps(written))


def times_of(out):
    """When each file of a study was written, but for the lock that every call takes."""
    return {path: path.stat().st_mtime_ns for path in out.rglob("*.*") if path != out / "lock.json"}


BASES = 'base = "terse"\nseeds = [0, 1]'


def test_runs_of_earlier_versions_are_taken_as_they_are(file, started, tmp_path):
    names, _ = started
    file.write_text(file.read_text().replace("seeds = [0, 1]", BASES))
    found = run(file)
    for seed in (0, 1):
        as_earlier(tmp_path / f"out/first/seed_{seed}", base="terse", arm="first")
    before = times_of(tmp_path / "out")
    assert run(file) == found
    assert len(names) == 3
    assert times_of(tmp_path / "out") == before
    file.write_text(file.read_text().replace("steps = 3", "steps = 4"))
    with pytest.raises(RunError, match=r"first/seed_0: was made with other settings"):
        run(file)


def test_what_is_declared_of_finished_runs_may_change(file, started, tmp_path):
    """It is no setting: nothing runs again, the report is made anew, and only then."""
    names, _ = started
    file.write_text(file.read_text().replace("seeds = [0, 1]", BASES))
    run(file)
    as_earlier(tmp_path / "out/first/seed_1", base="terse", arm="first")
    report = tmp_path / "out/report.html"
    report.write_text("old")
    run(file)
    assert report.read_text() == "old"
    file.write_text('claims = "four-habits"\n' + file.read_text().replace('"terse"', '"poor"'))
    run(file)
    assert len(names) == 3
    assert "poor" in report.read_text()
    for name in ("first/seed_0", "first/seed_1"):
        declared = {"base": "poor", "priming": "", "arm": "first", "dose": None, "claims": "four-habits"}
        assert json.loads((tmp_path / "out" / name / "declared.json").read_text()) == declared
    assert json.loads((tmp_path / "out/second/seed_0/declared.json").read_text())["claims"] == "four-habits"


def test_the_state_of_every_job_is_printed_under_pieces(file, started):
    """Scripts read this key."""
    assert run(file)["pieces"] == dict.fromkeys(["first/seed_0", "first/seed_1", "second/seed_0"], "finished")
