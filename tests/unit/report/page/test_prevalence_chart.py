"""The picture of a corpus: well formed, nothing drawn outside, names of any kind."""

import re
from xml.etree import ElementTree

from secondthought.report.page.prevalence_chart import prevalence_chart
from secondthought.stats import UNDEFINED, wilson

SVG = "{http://www.w3.org/2000/svg}"


def drawn(sources):
    return ElementTree.fromstring(prevalence_chart(sources))


def test_a_dot_for_each_share_that_is_known():
    found = drawn({"web": {"a": wilson(1, 10), "b": wilson(5, 10)}, "books": {"a": wilson(0, 3), "b": UNDEFINED}})
    assert len(list(found.iter(f"{SVG}circle"))) == 3
    titles = [title.text for title in found.iter(f"{SVG}title")]
    assert titles[0] == "10.0% [1.8, 40.4] of 10 documents"
    texts = [text.text for text in found.iter(f"{SVG}text")]
    assert [text for text in texts if text in ("web", "books", "a", "b")] == ["web", "books", "a", "b"]


def test_nothing_is_drawn_outside():
    found = drawn({f"source-{n}": {f"mark_{m}": wilson(n * m, 20) for m in range(4)} for n in range(5)})
    width, height = map(float, found.get("viewBox").split()[2:])
    for circle in found.iter(f"{SVG}circle"):
        assert 0 <= float(circle.get("cx")) <= width
        assert 0 <= float(circle.get("cy")) <= height
    for path in found.iter(f"{SVG}path"):
        assert all(0 <= float(number) <= max(width, height) for number in re.findall(r"[\d.]+", path.get("d")))


def test_names_are_escaped_and_cut():
    text = prevalence_chart({"<script>" + "x" * 99: {"a&b": wilson(1, 2)}})
    assert "<script>" not in text
    assert "x" * 30 not in text
    ElementTree.fromstring(text)
