"""The picture of a corpus has a row for each source and a panel for each mark: the share of documents that show it.

It is a file of its own, drawn without the report's style sheet; dark and light follow the reader's setting.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from markupsafe import Markup

from secondthought.report.page.axes import Axis, tick_text, ticks
from secondthought.stats import Interval

LABELS, PANEL, GAP, ROW, TOP, BOTTOM, RIGHT = 170, 150, 22, 20, 34, 26, 16
_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #333 } .tick { font-size: 10px; fill: #777 }
.grid { stroke: #ddd } .bound { stroke: #2a6fb0; stroke-width: 1.5 } circle { fill: #2a6fb0 }
@media (prefers-color-scheme: dark) { svg { background: #16181b } text { fill: #ddd } .tick { fill: #999 }
.grid { stroke: #333 } .bound { stroke: #6db1ee } circle { fill: #6db1ee } }
"""


def prevalence_chart(sources: Mapping[str, Mapping[str, Interval]]) -> str:
    """Draw the shares of documents, as a whole SVG file.

    Args:
        sources: of each source, in the order of the rows, the share of each mark; what is undefined is left out.
    """
    marks = list(dict.fromkeys(mark for shares in sources.values() for mark in shares))
    width = LABELS + len(marks) * (PANEL + GAP) - GAP + RIGHT
    parts = [
        Markup('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(
            width, TOP + ROW * len(sources) + BOTTOM, "Percent of documents that show each mark, by source"
        ),
        Markup("<style>{}</style>").format(Markup(_STYLE)),
    ]
    for place, name in enumerate(sources):
        shown = name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}\u2026"
        parts.append(_text(LABELS - 10, _y(place), shown, "end"))
    for column, mark in enumerate(marks):
        shares = [found.get(mark) for found in sources.values()]
        parts += _panel(mark, shares, LABELS + column * (PANEL + GAP))
    return str(Markup("\n").join([*parts, Markup("</svg>\n")]))


_LONGEST = 24
"""Characters of a source's name."""


def _panel(mark: str, shares: Sequence[Interval | None], left: int) -> Iterator[Markup]:
    known = [share for share in shares if share is not None and share.is_defined]
    found = ticks(0.0, max((share.high for share in known), default=1.0))
    x = Axis(found[0], found[-1], left, left + PANEL)
    yield _text(left, 12, mark.replace("_", " "), "start")
    for tick in found[:: 2 if len(found) > 4 else 1]:
        bottom = TOP + ROW * len(shares)
        yield Markup('<path class="grid" d="M{} {}V{}"/>').format(x(tick), TOP - 6, bottom)
        yield Markup('<text class="tick" x="{}" y="{}" text-anchor="middle">{}</text>').format(
            x(tick), bottom + 14, tick_text(tick, found, percent=True)
        )
    for place, share in enumerate(shares):
        if share is not None and share.is_defined:
            yield from _share(share, x, _y(place))


def _share(share: Interval, x: Axis, y: float) -> Iterator[Markup]:
    about = f"{100 * share.estimate:.1f}% [{100 * share.low:.1f}, {100 * share.high:.1f}] of {share.n} documents"
    yield Markup('<g><title>{}</title><path class="bound" d="M{} {}H{}"/>').format(
        about, x(share.low), y, x(share.high)
    )
    yield Markup('<circle cx="{}" cy="{}" r="3.2"/></g>').format(x(share.estimate), y)


def _text(x: float, y: float, text: str, anchor: str) -> Markup:
    return Markup('<text x="{}" y="{}" dy=".32em" text-anchor="{}">{}</text>').format(x, y, anchor, text)


def _y(place: int) -> float:
    return TOP + ROW * (place + 0.5)
