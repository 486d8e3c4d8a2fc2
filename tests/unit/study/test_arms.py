"""An arm makes its jobs: names, settings, primings, and what of its set another arm's model gives."""

import pytest

from secondthought.errors import ConfigError
from secondthought.study.arms import StudyArm, check, planned_jobs
from secondthought.study.config import load_study

COMMON = """
out = "runs/s"
[settings]
task = { name = "countdown", options = { preset = "four" } }
[settings.episode]
max_attempt_tokens = 99
[priming]
count = 30
wording = "short"
"""
PRIMED = '[arms.primed]\npriming = "all-strategies"\nseeds = [0, 1]\n'
OLD = '[arms.own]\npriming = "own-wrong"\nwrong_tries_of = "{}"\n'
NEW = '[arms.own]\npriming = "own-wrong"\npriming_settings = {{ tries_of = "{}" }}\n'


@pytest.fixture
def study(tmp_path):
    """Reads a study of these tables."""

    def make(*tables, top=""):
        path = tmp_path / "study.toml"
        path.write_text(top + COMMON + "\n".join(tables))
        return load_study(path)

    return make


def test_jobs_are_named_by_arm_and_seed_and_lie_there(study):
    anew = '[arms.anew]\npriming = "direct"\nprimed_anew = true\nseeds = [3]\n'
    found = list(planned_jobs(study(PRIMED, anew), "test"))
    assert [(planned.name, planned.needs) for planned in found] == [
        ("primed/primed", ()),
        ("primed/seed_0", ("primed/primed",)),
        ("primed/seed_1", ("primed/primed",)),
        ("anew/primed_3", ()),
        ("anew/seed_3", ("anew/primed_3",)),
    ]
    for planned in found:
        job = planned.job()
        assert job.name == planned.name
        assert str(job.directory) == f"runs/s/{planned.name}"


def test_a_run_starts_from_the_model_that_its_priming_makes(study):
    arm = StudyArm(study(PRIMED), "primed", "test")
    assert arm.job(1).config.model.path == str(arm.priming(1).stage.model) == "runs/s/primed/primed/sft/model"
    assert arm.priming(1) == arm.priming(0) == arm.priming(None)
    assert arm.unprimed(1).model.path == "small"


def test_wrong_tries_are_sampled_from_the_other_arms_model_as_in_rl(study):
    tries = StudyArm(study(PRIMED, NEW.format("primed")), "own", "test").priming(0).stage.traces.tries
    assert tries.model.path == "runs/s/primed/primed/sft/model"
    assert tries.task.options == {"preset": "four"}
    assert tries.episode.max_attempt_tokens == 99


def test_the_key_of_earlier_versions_has_the_same_effect(study):
    """`wrong_tries_of` was a key of the arm: such a file makes the same jobs, waits for the same ones."""
    old, new = study(PRIMED, OLD.format("primed")), study(PRIMED, NEW.format("primed"))
    assert old == new
    assert StudyArm(old, "own", "test").priming(0).stage.traces.tries is not None
    assert [planned.needs for planned in StudyArm(old, "own", "test").planned()] == [
        ("primed/primed",),
        ("own/primed",),
    ]
    kept = study(PRIMED, OLD.format("primed") + "priming_settings = { count = 7 }\n")
    assert kept.arms["own"].priming_settings == {"tries_of": "primed", "count": 7}
    assert "wrong_tries_of" not in kept.model_dump(mode="json")["arms"]["own"]
    unset = type(kept).model_validate({"out": "x", "arms": {"a": {"wrong_tries_of": None}}})  # as it was printed
    assert unset.arms["a"].tries_of is None


def test_a_set_of_wrong_tries_has_any_name(study):
    named = NEW.format("primed").replace("own-wrong", "mistakes")
    assert StudyArm(study(PRIMED, named), "own", "test").priming(0).stage.traces.arm == "mistakes"


@pytest.mark.parametrize("form", [OLD, NEW])
@pytest.mark.parametrize("other", ["plain", "nobody"])
def test_wrong_tries_are_of_a_primed_arm_above(study, form, other):
    expected = rf"arms\.own\.priming_settings\.tries_of: '{other}' is no arm above it that is primed"
    with pytest.raises(ConfigError, match=expected):
        study("[arms.plain]", form.format(other))


@pytest.mark.parametrize(
    ("other", "own", "expected"),
    [
        ("", 'priming = ""', "priming: is missing"),
        ("", 'priming_settings = { tries_of = "primed", file = "x" }', "priming_settings.tries_of: a set has one"),
        ("primed_anew = true", "", "primed_anew: is to be true, since each seed of 'primed' has a priming of its own"),
        ("primed_anew = true", "primed_anew = true\nseeds = [1, 2]", r"seeds: \[1, 2\] are not all seeds of 'primed'"),
    ],
)
def test_contradictions_of_wrong_tries_are_named(study, other, own, expected):
    arm = {"priming": 'priming = "own"', "priming_settings": 'priming_settings = { tries_of = "primed" }'}
    arm |= {line.split(" = ")[0]: line for line in own.splitlines()}
    with pytest.raises(ConfigError, match=rf"arms\.own\.{expected}"):
        study(PRIMED + other + "\n", "\n".join(["[arms.own]", *arm.values()]))


def test_wrong_tries_are_an_arms_own_and_not_common(study):
    with pytest.raises(ConfigError, match="priming: tries_of"):
        check(study(PRIMED, '[priming.options]\n[arms.x]\npriming = "direct"\n').model_copy(
            update={"priming": {"tries_of": "primed"}}
        ), "test")  # fmt: skip


def test_what_an_arm_declares(study):
    made = study(
        '[arms.plain]\n[arms.rich]\nbase = "rich"\ndose = 0.5\n',
        '[arms.bases]\nbase = "b"\nsettings.model = { path = "bases/{seed}" }\n',
        '[arms.anew]\nbase = "b"\npriming = "direct"\nprimed_anew = true\n',
        top='claims = "four-habits"\n',
    )
    found = {name: StudyArm(made, name, "test").declaration().model_dump() for name in made.arms}
    assert found == {
        "plain": {"base": "", "priming": "", "dose": None, "claims": "four-habits"},
        "rich": {"base": "rich", "priming": "", "dose": 0.5, "arm": "rich", "claims": "four-habits"},
        "bases": {"base": "b", "priming": "", "dose": None, "arm": "bases", "claims": "four-habits"}
        | {"model": "bases/{seed}"},
        "anew": {"base": "b", "priming": "direct", "dose": None, "arm": "anew", "claims": "four-habits"}
        | {"model": "runs/s/anew/primed_{seed}/sft/model"},
    }
    job = StudyArm(made, "rich", "test").job(0)
    assert job.to_json()["declared"] == found["rich"]
    assert not {"origin", "declared"} & job.to_json()["run"].keys()


def test_claims_are_of_a_paper_that_is_known(study):
    assert study("[arms.a]", top='claims = "reflect-retry-reward"\n').claims == "reflect-retry-reward"
    with pytest.raises(ConfigError, match=r"claims: 'four habits' is no paper .*: reflect-retry-reward, four-habits"):
        study("[arms.a]", top='claims = "four habits"\n')


def test_an_origin_by_hand_is_declared_as_before(study):
    """It was a setting of runs; now it is data, and a mistake in it is found before anything begins."""
    made = study('[arms.a]\nsettings.origin = { base = "mine", dose = 0.1 }\n')
    assert StudyArm(made, "a", "test").declaration().model_dump() == {"base": "mine", "priming": "", "dose": 0.1}
    assert "origin" not in StudyArm(made, "a", "test").job(0).to_json()["run"]
    with pytest.raises(ConfigError, match=r"test: arms\.a: origin: basis"):
        check(study('[arms.a]\nsettings.origin = { basis = "mine" }\n'), "test")
