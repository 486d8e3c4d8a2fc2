"""The tables of an evaluation are the same wherever they are shown."""

import json
from html import unescape

from secondthought.cli import main
from secondthought.evaluate.tables import Table, markdown, tables_of

WORDS = ["eval", "scripted", "--options.preset", "tiny", "--problems", "20", "--controls", "--calibration"]


def test_terminal_file_and_page_show_the_same(tmp_path, capsys):
    assert not main([*WORDS, "--reflect-on-right", "5", "--out", str(tmp_path / "out"), "--quiet"])
    told = capsys.readouterr().out
    written = (tmp_path / "out/summary.md").read_text()
    found = json.loads((tmp_path / "out/summary.json").read_text())
    assert written == markdown(found)
    assert not main(["report", str(tmp_path / "out"), "--out", str(tmp_path / "page.html")])
    page = unescape((tmp_path / "page.html").read_text())
    tables = tables_of(found)
    assert len(tables) == 5
    for table in tables:
        for shown in (written, page, told):
            assert all(cell in shown for row in table.rows for cell in row)
            assert table.says in shown


def test_a_cell_cannot_end_its_row():
    table = Table(title="t", heads=["a|b", ""], rows=[["c\nd", "e"]], says="So.")
    assert table.markdown() == "### t\n\n| a\\|b |  |\n| --- | --- |\n| c d | e |\n\nSo."


def test_what_an_evaluation_lacks_has_no_table():
    rates = {
        "pass@1": {"estimate": 0.5, "low": 0.4, "high": 0.6, "n": 3},
        "gain": {"estimate": None},
        "length": {"estimate": 1},
    }
    result = {"model": "m", "task": "t", "temperature": 1.0, "rates": rates, "controls": {}}
    [table] = tables_of({"problems": 3, "split": "test", "seed": 0, "results": [result], "differences": []})
    assert table.rows == [["pass@1", "50.0 [40.0, 60.0]"]]
