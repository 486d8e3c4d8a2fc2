import re
from pathlib import Path

from secondthought.report.page.curves import SPECS
from secondthought.runs.console import SHOWN

PAGE = Path(__file__).parents[3] / "docs" / "metrics.md"


def test_every_metric_that_is_shown_is_defined_once():
    defined = re.findall(r"^\| `([^`]+)` \|", PAGE.read_text(), flags=re.MULTILINE)
    assert len(defined) == len(set(defined))
    shown = {metric for spec in SPECS for metric, _ in spec.metrics} | set(SHOWN)
    assert shown <= set(defined)
