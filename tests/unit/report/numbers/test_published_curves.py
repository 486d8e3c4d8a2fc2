"""Files of published curves: rows read once each, bad files named by line."""

import pytest

from secondthought.errors import RunError
from secondthought.report.numbers.published_curves import read_published

HEAD = "condition,step,accuracy,avg_verifications,avg_backtracking\n"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "llama_results.csv"
    rows = ["base_ppo,0,0.0,0.1,0.2", "base_ppo,250,0.5,1,2", "base_ppo,250,0.5,1,2", "dots,0,0.1,0,0"]
    path.write_text(HEAD + "\n".join(rows) + "\n")
    return path


def test_rows_are_read_once_each_and_counts_are_summed(file):
    assert read_published(file)["base_ppo"] == [(0.0, 0.0, pytest.approx(0.3)), (250.0, 0.5, 3.0)]


def test_a_wrong_file_is_named_by_line(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(HEAD + "base_ppo,zero,0,0,0\n")
    with pytest.raises(RunError, match=r"x\.csv, line 2: not a row of published curves; it needs condition, step"):
        read_published(path)
    with pytest.raises(RunError, match=r"none\.csv: cannot be read: No such file or directory$"):
        read_published(tmp_path / "none.csv")


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "", "1e999"])
def test_a_number_that_cannot_be_drawn_is_named_by_line(tmp_path, number):
    path = tmp_path / "x.csv"
    path.write_text(f"{HEAD}base_ppo,0,0.1,0,0\nbase_ppo,10,{number},0,0\n")
    with pytest.raises(RunError, match=r"x\.csv, line 3: not a row"):
        read_published(path)


@pytest.mark.parametrize("text", ["", HEAD])
def test_a_file_without_rows_is_not_passed_over(tmp_path, text):
    path = tmp_path / "x.csv"
    path.write_text(text)
    with pytest.raises(RunError, match=r"x\.csv: holds no rows"):
        read_published(path)
