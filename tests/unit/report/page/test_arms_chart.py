"""The picture of all arms: who is on it, where the dots stand, and what stands beside."""

import re

import pytest
from fake_runs import write_arm

from secondthought.report.numbers.inputs import gather
from secondthought.report.numbers.runs import load_runs
from secondthought.report.page.arms_chart import LABELS, PANEL, AccuracyChange, ComparedArm, arms_chart, compared_arms


def row(label, before, *after, published=()):
    return ComparedArm(label=label, ours=AccuracyChange(name=label, before=before, after=after), published=published)


def dots(svg):
    """(class, x, y) of every dot."""
    found = re.findall(r'<circle class="([^"]+)" cx="([\d.]+)" cy="([\d.]+)"', str(svg))
    return [(name, float(x), float(y)) for name, x, y in found]


def test_dots_stand_where_their_values_are():
    svg = arms_chart([row("a", 0.0, 0.1, 0.2), row("b", 0.05, 0.4)])
    first = [dot for dot in dots(svg) if dot[2] == dots(svg)[0][2]]
    assert [(name, x) for name, x, _ in first] == [
        ("from s0", LABELS),
        ("f0", LABELS + PANEL / 4),
        ("f0", LABELS + PANEL / 2),
    ]
    assert dots(svg)[-1][1] == LABELS + PANEL  # the axis ends at the largest value, .4


def test_published_values_have_an_axis_of_their_own():
    theirs = (
        AccuracyChange(name="big", before=0.0, after=(0.8,)),
        AccuracyChange(name="other", before=0.0, after=(0.4,)),
    )
    svg = arms_chart([row("a", 0.0, 0.1, published=theirs), row("b", 0.0, 0.2)])
    names = [name for name, _, _ in dots(svg)]
    assert names == ["from s0", "f0", "from s0", "f0", "from s1", "f1", "from s2", "f2"]
    ours, published = [x for name, x, _ in dots(svg) if name == "f0"], [x for name, x, _ in dots(svg) if name == "f1"]
    assert published[0] - max(ours) > 0


def test_labels_are_text():
    assert "&lt;b&gt;" in arms_chart([row("<b>", 0.0, 0.1), row("c", 0.0, 0.1)])


def test_one_arm_needs_no_picture():
    assert arms_chart([row("a", 0.0, 0.1)]) == ""


def test_rows_are_the_arms_that_were_evaluated(tmp_path):
    runs = [
        *write_arm(tmp_path, "terse", before=0.05, after=0.10),
        *write_arm(tmp_path, "terse", "all-strategies", before=0.1, after=0.6),
    ]
    curves = tmp_path / "big_results.csv"
    lines = ["condition,step,accuracy,avg_verifications,avg_backtracking"]
    lines += ["all_strategies,0,0.3,1,1", "all_strategies,250,0.7,1,1", "base_ppo,0,0.0,0,0", "base_ppo,250,0.35,0,0"]
    curves.write_text("\n".join(lines) + "\n")
    found = compared_arms(gather(load_runs(runs), [curves]))
    assert [one.label for one in found] == ["terse", "terse, primed: all-strategies"]
    primed = found[1]
    assert primed.published == (AccuracyChange(name="big", before=0.3, after=(0.7,)),)
    assert primed.ours.before == pytest.approx(0.1, abs=0.01)
    assert len(primed.ours.after) == 3
