"""The table of charts: a row is all that a new chart needs to stand on the page."""

from fake_runs import write_fake_run
from markupsafe import Markup

from secondthought.report import build_report
from secondthought.report.page import charts
from secondthought.report.page.figures import Chart, DrawnCharts


def test_a_row_is_all_that_a_new_chart_needs(tmp_path, monkeypatch):
    def mine(inputs):
        names = tuple((arm.name, colour) for colour, arm in enumerate(inputs.arms))
        return DrawnCharts([Chart("Mine", "A new one.", names, Markup("<svg></svg>"))], absent=["Yours"])

    monkeypatch.setattr(charts, "CHARTS", (*charts.CHARTS, mine))
    run = write_fake_run(tmp_path / "run", steps=2, problems=10)
    text = build_report([run], tmp_path / "report.html").read_text()
    assert "<h3>Mine</h3>" in text
    assert text.index("<h3>Reward</h3>") < text.index("<h3>Mine</h3>")
    assert "Yours" in text[text.index("Not recorded:") :]
