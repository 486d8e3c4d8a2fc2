"""The page is one HTML file that needs nothing beside it, made from run directories alone.

Model text is hostile: templates escape everything, and the only markup that passes is the figures' and the style
sheet's, which are ours. The scripts show and hide groups and read charts out; they never see text as code. Each section
can be rendered by itself, so that a page that is being looked at can be renewed part by part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from secondthought.report.numbers.inputs import ReportInputs, gather
from secondthought.report.numbers.runs import Run, load_runs
from secondthought.report.page.figures import line_class
from secondthought.report.page.sections import SECTIONS
from secondthought.runs import files

_SCRIPTS = ("charts.js", "browser.js", "page.js")


def build_report(run_dirs: Sequence[Path], out: Path, published: Sequence[Path] = ()) -> Path:
    """Write the report of some runs to `out` and return it; `published` are files of curves to draw beside theirs.

    Raises:
        RunError: a directory is no run, a file in it is damaged, or `out` cannot be written.
    """
    runs = load_runs(run_dirs)
    with files.disk_errors(out):
        files.write_text(out, render(runs, published))
    return out


def render(runs: Sequence[Run], published: Sequence[Path] = ()) -> str:
    """Return the page."""
    built = sections_of(gather(runs, published))
    return page_of({name: section_html(name, record) for name, record in built.items()}, built["opening"].title)


def sections_of(inputs: ReportInputs) -> dict[str, Any]:
    """Return the records of the sections that have something to say, by name, in the order of the page."""
    built = ((kind.name, kind.build(inputs)) for kind in SECTIONS)
    return {name: record for name, record in built if record is not None}


def section_html(name: str, record: object) -> Markup:
    """Return the HTML of one section."""
    return Markup(_ENVIRONMENT.get_template(f"{name}.html").render(section=record))


def page_of(sections: Mapping[str, Markup], title: str, *, live: Mapping[str, Any] | None = None) -> str:
    """Return the page of some rendered sections.

    Args:
        sections: HTML by name, in the order of the page.
        title: what the browser's tab says.
        live: of a page that is served and renews itself: what its sections are like now (`report.live`).
    """
    page = _ENVIRONMENT.get_template("page.html")
    return page.render(title=title, links=links_of(sections), sections=sections, live=live)


def links_of(sections: Mapping[str, Markup]) -> list[tuple[str, str]]:
    """Return the links to the sections that are there: name and words."""
    return [(kind.name, kind.link) for kind in SECTIONS if kind.link and kind.name in sections]


def _resource(name: str) -> str:
    return (resources.files("secondthought.report.page") / name).read_text(encoding="utf-8")


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("secondthought.report.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["line_class"] = line_class
    environment.globals |= {
        "version": version("secondthought"),
        "css": Markup(_resource("style.css")),
        "script": Markup("\n".join(map(_resource, _SCRIPTS))),
        "live_script": Markup(_resource("live.js")),
    }
    return environment


_ENVIRONMENT = _environment()
