"""Reports of `eval --out`: they open with what is known, and say what they are not."""

import json
from pathlib import Path

import pytest
from fake_runs import write_fake_run
from html_page import Page

from secondthought.errors import RunError
from secondthought.report import build_report

WRITTEN = Path(__file__).parents[4] / "tests" / "golden" / "earlier" / "eval"


def text_of(path, *directories):
    page = Page(build_report(directories, path / "report.html").read_text())
    assert page.open == []
    return " ".join("".join(page.text).split())


def test_an_evaluation_opens_with_its_rates_and_what_reflections_are_worth(tmp_path):
    text = text_of(tmp_path, WRITTEN)
    assert "small on countdown, evaluated" in text
    assert "small solves 25.0 % of 20 countdown problems (train split, temperature 1) within two tries." in text
    assert "Own reflection against another problem's 16.7 % against 0.0 %" in text
    assert "Independent second sample (pass@2)" in text


def test_models_are_compared_where_there_are_several(tmp_path):
    summary = json.loads((WRITTEN / "summary.json").read_text())
    other = {**summary["results"][0], "model": "<b>large</b>"}
    rate = {"estimate": 0.5, "low": 0.25, "high": 0.75, "n": 20}
    difference = {"before": "small", "after": "<b>large</b>", "task": "countdown", "temperature": 1.0}
    summary["results"].append(other)
    summary["differences"] = [{**difference, "rates": {"pass@1": rate}}]
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    text = text_of(tmp_path, tmp_path)
    assert "; <b>large</b> 25.0 %." in text
    assert "+50.0[+25.0, +75.0]" in text


def test_runs_and_evaluations_are_not_mixed(tmp_path):
    run = write_fake_run(tmp_path / "run", steps=2, problems=10)
    with pytest.raises(RunError, match="make a report of each kind by itself"):
        build_report([run, WRITTEN], tmp_path / "report.html")


def test_an_evaluation_without_results_is_one_sentence(tmp_path):
    (tmp_path / "summary.json").write_text('{"results": []}')
    with pytest.raises(RunError, match="holds no results"):
        build_report([tmp_path], tmp_path / "report.html")
