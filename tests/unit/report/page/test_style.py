"""The style sheet: text can be read in both schemes, by WCAG's measure, and is nowhere tiny."""

import re
from importlib import resources

import pytest

CSS = (resources.files("secondthought.report.page") / "style.css").read_text()
LIGHT, DARK = (
    dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block)) for block in re.findall(r":root \{(.*?)\}", CSS, re.S)[:2]
)

TEXT = [
    *((ink, ground) for ink in ("ink", "soft", "faint", "c0") for ground in ("page", "card")),
    *((ink, ground) for ink in ("ink", "soft") for ground in ("rewarded", "punished", "doubt-page")),
    *((kind, f"{kind}-page") for kind in ("good", "bad", "doubt")),
]
DRAWN = [*((f"c{place}", "card") for place in range(6)), ("rewarded-edge", "rewarded"), ("punished-edge", "punished")]


def brightness(colour):
    parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    low, high = sorted((brightness(one), brightness(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("pairs", "least"), [(TEXT, 4.5), (DRAWN, 3.0)], ids=["text", "drawn"])
def test_contrast_is_that_of_wcag_aa(scheme, pairs, least):
    found = {pair: contrast(scheme[pair[0]], scheme[pair[1]]) for pair in pairs}
    assert {pair: value for pair, value in found.items() if value < least} == {}


def test_contrast_is_measured_as_wcag_does():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_no_text_is_tiny():
    sizes = [float(size) for size in re.findall(r"(?:font-size: |font: (?:\d+ )?)([\d.]+)px", CSS)]
    assert len(sizes) > 20
    # 11 px has one letter before a marked habit, beside the words of its legend.
    assert sorted({size for size in sizes if size < 12}) == [11.0]
