"""docs/diagnose.md lists the rules that there are, with their thresholds."""

import re
from pathlib import Path

from secondthought.preflight.diagnose import RULES

PAGE = Path(__file__).parents[4] / "docs" / "diagnose.md"


def test_the_page_has_every_rule_and_its_threshold():
    rows = re.findall(r"^\| ([a-z ]+) \| [^|]+ \| (below|above) ([0-9.]+) \|", PAGE.read_text(), flags=re.MULTILINE)
    assert rows == [(rule.name, rule.side, f"{rule.threshold:g}") for rule in RULES]
