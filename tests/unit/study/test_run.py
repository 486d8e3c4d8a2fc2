"""A study's pieces: what each is, what is reused, and what waits; the pieces themselves are fakes."""

import subprocess
import sys

import pytest

from secondthought.config import RunConfig
from secondthought.errors import ConfigError, RunError
from secondthought.runs.directory import RunDirectory
from secondthought.study import arms, queue
from secondthought.study import run as study
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
    """Pieces that were started; each leaves a run that finished, or fails where `fail` names it."""
    names, fail = [], set()

    def start(piece):
        names.append(piece.name)
        failed = piece.name in fail
        with RunDirectory.create(piece.config.run_dir, overwrite=True) as run:
            run.write_config(piece.config.model_dump(mode="json"))
            run.write_summary("failed" if failed else "finished", {"tokens_sampled": 100 + 50 * piece.seed})
        return subprocess.Popen([sys.executable, "-c", f"raise SystemExit({int(failed)})"])

    monkeypatch.setattr(queue, "_start", start)
    return names, fail


def run(file, **options):
    return study.run_study(file, progress=lambda text: None, **options)


def test_all_pieces_then_none(file, started):
    names, _ = started
    found = run(file)
    assert found["complete"]
    assert names == ["first/seed_0", "first/seed_1", "second/seed_0"]
    assert run(file) == found
    assert len(names) == 3


def test_an_equal_budget_is_the_mean_of_the_other_arms(file, started):
    run(file)
    (piece,) = arms.run_pieces(load_study(file), "second", "test")
    assert piece.config.train.max_sampled_tokens == 125
    assert piece.config.train.steps == arms.ENOUGH_STEPS
    assert piece.config.algorithm.type == "grpo"


def test_a_failed_piece_is_named_and_tried_again(file, started):
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

    def start(piece):
        process = quick(piece)
        if piece.arm != "slow":
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


def test_other_settings_than_a_finished_piece_had_are_refused(file, started):
    run(file)
    file.write_text(file.read_text().replace("steps = 3", "steps = 4"))
    with pytest.raises(RunError, match="was made with other settings"):
        run(file)


def test_an_arm_that_is_not_above_is_no_budget(file):
    file.write_text(file.read_text().replace('tokens_of = "first"', 'tokens_of = "third"'))
    with pytest.raises(ConfigError, match=r"arms\.second\.tokens_of: 'third' is no arm above it"):
        load_study(file)


WRONG = '[arms.own]\npriming = "own-wrong"\nwrong_tries_of = "{}"\n'


@pytest.mark.parametrize("other", ["first", "nobody"])
def test_wrong_tries_are_of_a_primed_arm_above(file, other):
    file.write_text(file.read_text() + WRONG.format(other))
    with pytest.raises(ConfigError, match=rf"arms\.own\.wrong_tries_of: '{other}' is no arm above it that is primed"):
        load_study(file)


def test_wrong_tries_have_one_name(file):
    primed = '[arms.primed]\npriming = "all-strategies"\n'
    file.write_text(file.read_text() + primed + WRONG.format("primed").replace("own-wrong", "other"))
    with pytest.raises(ConfigError, match=r"arms\.own\.priming: .* 'own-wrong'"):
        load_study(file)


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ("", "primed_anew: is to be true, since each seed of 'primed' has a priming of its own"),
        ("primed_anew = true\nseeds = [1, 2]", r"seeds: \[1, 2\] are not all seeds of 'primed'"),
    ],
)
def test_wrong_tries_of_an_arm_primed_by_seed_are_taken_seed_by_seed(file, own, said):
    primed = '[arms.primed]\npriming = "all-strategies"\nprimed_anew = true\nseeds = [0, 1]\n'
    file.write_text(file.read_text() + primed + WRONG.format("primed") + own)
    with pytest.raises(ConfigError, match=rf"arms\.own\.{said}"):
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
    pieces = list(arms.run_pieces(load_study(file), "first", "test"))
    assert [piece.config.seed for piece in pieces] == [0, 1]
    assert all(piece.config.train.steps == 3 for piece in pieces)
    assert isinstance(pieces[0].config, RunConfig)
