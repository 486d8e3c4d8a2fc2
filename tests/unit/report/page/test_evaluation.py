"""The report of what `eval --out` wrote: its numbers, the first problems, and no text of a model as markup."""

import json
import re
from html import escape

import pytest

from secondthought.cli import main
from secondthought.errors import RunError
from secondthought.report import build_evaluation, is_evaluation
from secondthought.runs.result_rows import percent


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory):
    out = tmp_path_factory.mktemp("eval") / "ev"
    words = ["eval", "scripted", "--problems", "20", "--options.preset", "tiny", "--controls", "--out", str(out)]
    assert not main([*words, "--reflect-on-right", "5", "--json", "--quiet"])
    return out


def test_it_holds_rates_controls_and_problems(evaluation, tmp_path):
    assert is_evaluation(evaluation)
    page = build_evaluation([evaluation], tmp_path / "page.html").read_text()
    [result] = json.loads((evaluation / "summary.json").read_text())["results"]
    assert f"{100 * result['rates']['pass@1']['estimate']:.1f} [" in page
    assert f"{100 * result['controls']['oracle']['estimate']:.1f} [" in page
    assert "<title>scripted on countdown - secondthought</title>" in page
    assert page.count("<h3>") == 3
    assert f"scripted solves {100 * result['rates']['second_try']['estimate']:.1f} % of 20 countdown problems" in page
    assert "Own reflection against another problem&#39;s" in page
    assert "nan" not in re.sub(r"<[^>]*>", "", page).lower().split()


def test_it_says_what_reflections_did(evaluation, tmp_path):
    page = build_evaluation([evaluation], tmp_path / "page.html").read_text()
    [result] = json.loads((evaluation / "summary.json").read_text())["results"]
    assert escape(result["bars"]["says"]) in page
    for shown in (
        result["retries"]["oracle"]["changed"],
        result["reflections"]["generality"],
        result["right_to_wrong"]["own"],
    ):
        assert percent(shown) in page


def test_an_earlier_versions_evaluation_has_a_page(evaluation, tmp_path):
    summary = json.loads((evaluation / "summary.json").read_text())
    for name in ("reflections", "retries", "bars", "right_to_wrong"):
        del summary["results"][0][name]
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    page = build_evaluation([tmp_path], tmp_path / "page.html").read_text()
    assert "right retries of the same failed first tries" in page
    assert ": retries of failed first tries" not in page


def test_the_command_takes_it_and_runs_apart(evaluation, capsys, tmp_path):
    assert not main(["report", str(evaluation), "--out", str(tmp_path / "page.html")])
    assert capsys.readouterr().out == f"{tmp_path / 'page.html'}\n"
    assert main(["report", str(evaluation), str(tmp_path)]) == 2
    assert "not both in one report" in capsys.readouterr().err


def test_hostile_text_stays_text(evaluation, tmp_path):
    copy = tmp_path / "ev"
    copy.mkdir()
    (copy / "summary.json").write_text((evaluation / "summary.json").read_text())
    [file] = evaluation.glob("*.jsonl")
    row = json.loads(file.read_text().splitlines()[0])
    row["turns"][0]["text"] = "<script>alert(1)</script>"
    (copy / file.name).write_text(json.dumps(row) + "\n")
    page = build_evaluation([copy], tmp_path / "page.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_damaged_one_is_named(tmp_path):
    (tmp_path / "summary.json").write_text('{"results": [{}], "differences": []}')
    with pytest.raises(RunError, match=r"summary\.json: is not as `eval --out` writes it"):
        build_evaluation([tmp_path], tmp_path / "page.html")
    assert not is_evaluation(tmp_path / "nowhere")
