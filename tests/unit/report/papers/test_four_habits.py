"""The claims of Four Habits: judged on the arms that they need, and "cannot tell" without them."""

import json
import math

import pytest
from fake_runs import PROBLEMS, write_arm

from secondthought.habits.catalog import SHIPPED
from secondthought.report.numbers.levels import accuracy
from secondthought.report.numbers.primed_arms import has_origins, level
from secondthought.report.numbers.runs import arms, load_runs
from secondthought.report.page.habit_table import habit_rows
from secondthought.report.papers.four_habits import habit_claims
from secondthought.runs import RunDirectory, files


@pytest.fixture
def study(tmp_path):
    """A study in which everything shows as published."""
    poor, much = (0.02, 0.02, 0.02, 0.02), (0.3, 0.3, 0.9, 0.9)
    return [
        *write_arm(tmp_path, "terse", before=0.05, after=0.10, habits=poor, dose=0.02),
        *write_arm(tmp_path, "rich", before=0.05, after=0.50, habits=(0.5, 0.5, 0.5, 0.5), dose=0.5),
        *write_arm(tmp_path, "dose-0", before=0.05, after=0.06, habits=(0, 0, 0, 0), dose=0.0),
        *write_arm(tmp_path, "terse", "all-strategies", before=0.1, after=0.6, habits=much),
        *write_arm(tmp_path, "terse", "incorrect-only", before=0.1, after=0.59),
        *write_arm(tmp_path, "terse", "direct", before=0.1, after=0.12),
        *write_arm(tmp_path, "terse", "empty", before=0.02, after=0.2),
        *write_arm(tmp_path, "terse", "dots", before=0.02, after=0.18),
    ]


def test_all_claims_show_where_everything_is_as_published(study):
    found = habit_claims(arms(load_runs(study)))
    assert [claim.verdict for claim in found] == ["same direction at this scale"] * 6
    richer, primed, wrong, form, dose, selective = (claim.result.pooled.estimate for claim in found)
    assert richer == pytest.approx(0.40, abs=0.01)
    assert primed == pytest.approx(0.50, abs=0.01)
    assert wrong == pytest.approx(0.47, abs=0.01)
    assert form == pytest.approx(0.40, abs=0.01)  # against the better placeholder
    assert dose == pytest.approx(0.44, abs=0.01)
    assert selective == pytest.approx(1.2, abs=0.01)  # of .3 and .3 that become .9 and .9, and the reverse


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ((0.3, 0.3, 0.1, 0.1), (0.9, 0.9, 0.3, 0.3), "not"),  # all rise: nothing is dropped
        ((0.9, 0.9, 0.9, 0.9), (0.8, 0.8, 0.1, 0.1), "not"),  # all fall: nothing is kept
        ((0.3, 0.3, 0.5, 0.5), (0.9, 0.9, 0.5, 0.5), "cannot tell"),
        ((0.3, 0.3, 0.5, 0.5), (0.9, 0.9, 0.1, 0.1), "same direction at this scale"),
    ],
)
def test_keeping_and_dropping_are_two_things(tmp_path, before, after, verdict):
    runs = write_arm(tmp_path, "terse", before=0.05, after=0.1) + write_arm(
        tmp_path, "terse", "all-strategies", before=0.1, after=0.6, habits=before, habits_after=after
    )
    claim = habit_claims(arms(load_runs(runs)))[-1]
    assert claim.verdict == verdict
    assert "the last two lose" in claim.why


def test_form_and_length_need_both_placeholders(study):
    runs = [path for path in study if "-dots" not in str(path)]
    claim = habit_claims(arms(load_runs(runs)))[3]
    assert claim.verdict == "cannot tell"
    assert "empty and with dots" in claim.why


def test_plain_words_in_the_place_of_a_thought_may_be_the_best_placeholder(study, tmp_path):
    neutral = write_arm(tmp_path, "terse", "neutral", before=0.02, after=0.35)
    claim = habit_claims(arms(load_runs([*study, *neutral])))[3]
    assert claim.result.pooled.estimate == pytest.approx(0.25, abs=0.01)


def test_wrong_answers_of_either_origin_have_a_row_each(study, tmp_path):
    own = write_arm(tmp_path, "terse", "own-wrong", before=0.1, after=0.3)
    found = [claim for claim in habit_claims(arms(load_runs([*study, *own]))) if "right answers" in claim.title]
    assert [claim.result.pooled.estimate for claim in found] == pytest.approx([0.18, 0.47], abs=0.01)
    assert "as published" in found[0].title
    assert "search" in found[1].title


def test_two_bases_of_one_dose_are_no_error(study, tmp_path):
    more = write_arm(tmp_path, "terse-long", before=0.05, after=0.10, dose=0.02)
    assert habit_claims(arms(load_runs([*study, *more])))[4].verdict == "same direction at this scale"


def test_arms_of_one_study_stay_apart_whatever_they_share(tmp_path):
    runs = write_arm(tmp_path / "a", "terse", "own", before=0.1, after=0.6, arm="one")
    runs += write_arm(tmp_path / "b", "terse", "own", before=0.1, after=0.2, arm="other")
    assert sorted(len(arm.runs) for arm in arms(load_runs(runs))) == [3, 3]


def test_a_share_over_seeds_stays_a_share_and_one_evaluation_counts_once(study, tmp_path):
    found = arms(load_runs(write_arm(tmp_path / "x", "terse", before=0.05, after=0.01)))[0]
    [row] = habit_rows([found])
    assert not row.accuracy[1].span.startswith("[-")
    alone = habit_rows(arms(load_runs(write_arm(tmp_path / "y", "terse", before=0.05, after=0.01, seeds=(0,)))))[0]
    assert row.accuracy[0] == alone.accuracy[0]


def test_seeds_that_solve_as_many_problems_after_training_are_still_seeds(tmp_path):
    runs = write_arm(tmp_path, "terse", before=0.05, after=0.25)
    for run in runs:
        summary = files.read_json(run / "summary.json")
        summary["after"]["t1.0"]["first_try"] = {"estimate": 0.25, "low": 0.21, "high": 0.29, "n": 400}
        files.write_json(run / "summary.json", summary)
    summary["before"]["t1.0"]["first_try"]["estimate"] += 1e-16  # as a sum in another order may be
    files.write_json(run / "summary.json", summary)
    [arm] = arms(load_runs(runs))
    after = accuracy(arm, "after", "first_try")
    assert (after.estimate, after.n) == (0.25, len(runs))
    assert accuracy(arm, "before", "first_try").n == 400


def test_a_claim_that_points_the_other_way_is_not(tmp_path):
    runs = write_arm(tmp_path, "terse", before=0.05, after=0.5, habits=(0, 0, 0, 0)) + write_arm(
        tmp_path, "rich", before=0.05, after=0.1, habits=(0.5, 0.5, 0.5, 0.5)
    )
    assert habit_claims(arms(load_runs(runs)))[0].verdict == "not"


def test_what_is_missing_is_said_and_nothing_is_claimed(tmp_path):
    runs = write_arm(tmp_path, "terse", before=0.05, after=0.5)
    for claim in habit_claims(arms(load_runs(runs))):
        assert claim.verdict == "cannot tell"
        assert "needed" in claim.why


def test_one_seed_cannot_tell(tmp_path):
    runs = write_arm(tmp_path, "terse", before=0.05, after=0.1, seeds=(0,)) + write_arm(
        tmp_path, "rich", before=0.05, after=0.9, habits=(0.5, 0.5, 0.5, 0.5), seeds=(0,)
    )
    first = habit_claims(arms(load_runs(runs)))[0]
    assert first.verdict == "cannot tell"
    assert "one seed" in first.why


def test_arms_are_told_apart_by_base_and_priming_not_by_where_their_models_lie(study):
    found = arms(load_runs(study))
    assert has_origins(found)
    assert {arm.name for arm in found} >= {"terse", "rich", "terse, primed: all-strategies"}
    assert all(arm.num_seeds == 3 for arm in found)
    rows = {row.name: row for row in habit_rows(found)}
    assert [cell.estimate for cell in rows["rich"].accuracy] == ["5.0", "50.2"]
    assert len(rows["rich"].presence) == len(SHIPPED)


def test_level_is_the_share_solved_over_seeds_and_problems(study):
    rich = next(arm for arm in arms(load_runs(study)) if arm.name == "rich")
    found = level(rich)
    assert found.pooled.estimate == pytest.approx((0.5 * 3 * PROBLEMS + 3) / (3 * PROBLEMS))
    assert found.pooled.low < found.pooled.estimate < found.pooled.high
    assert not math.isnan(level(rich, "before").pooled.estimate)


def test_a_study_of_other_things_is_not_about_habits(tmp_path):
    path = tmp_path / "run"
    with RunDirectory.create(path) as run:
        run.write_config({"seed": 0, "algorithm": {"type": "grpo"}})
        run.write_summary("finished", json.loads('{"arm": "grpo"}'))
    assert not has_origins(arms(load_runs([path])))
