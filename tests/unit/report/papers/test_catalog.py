"""The paper of a report: the one that runs declare, else the one that their origins point to."""

import pytest
from fake_runs import write_arm, write_fake_run

from secondthought.report import build_report
from secondthought.report.numbers.runs import Arm, arms, load_runs
from secondthought.report.papers.catalog import PAPERS, paper_of, unknown_papers


@pytest.fixture
def plain(tmp_path):
    return arms(load_runs([write_fake_run(tmp_path / "plain", steps=2, problems=10)]))


@pytest.fixture
def primed(tmp_path):
    return arms(load_runs(write_arm(tmp_path, "terse", before=0.1, after=0.2, seeds=(0,))))


def test_runs_that_declare_nothing_are_guessed_from_their_origins(plain, primed):
    assert paper_of(plain) is PAPERS["reflect-retry-reward"]
    assert paper_of(primed) is PAPERS["four-habits"]
    assert unknown_papers([*plain, *primed]) == []


def test_a_declared_paper_comes_before_the_guess(plain, primed, monkeypatch):
    monkeypatch.setattr(Arm, "declared_claims", property(lambda arm: "reflect-retry-reward"))
    assert paper_of(primed) is PAPERS["reflect-retry-reward"]
    monkeypatch.setattr(Arm, "declared_claims", property(lambda arm: "four-habits"))
    assert paper_of(plain) is PAPERS["four-habits"]


def test_a_paper_of_a_later_version_is_named_and_the_report_is_made(primed, tmp_path, monkeypatch):
    monkeypatch.setattr(Arm, "declared_claims", property(lambda arm: "to-come"))
    assert paper_of(primed) is PAPERS["four-habits"]
    assert unknown_papers(primed) == ["to-come"]
    text = build_report([arm.runs[0].directory.path for arm in primed], tmp_path / "report.html").read_text()
    assert "claims that this version does not know: to-come." in text


def test_every_paper_says_something_of_any_runs(plain):
    for paper in PAPERS.values():
        assert paper.heading
        assert paper.published
        assert paper.claims(plain)
        assert isinstance(paper.remark(plain), str)
