"""The page is one HTML file that needs nothing beside it, made from run directories alone.

Model text is hostile: the template escapes everything, and the only markup that passes is the figures' and the style
sheet's, which are ours. The one script shows and hides groups; it never sees text as code.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from importlib.metadata import version
from pathlib import Path

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from secondthought.report.numbers.inputs import gather
from secondthought.report.numbers.runs import Run, load_runs
from secondthought.report.page import sections, tables
from secondthought.report.page.figures import line_class
from secondthought.runs import files


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
    inputs = gather(runs, published)
    page = _template().render(
        heading=sections.heading(inputs),
        claims=sections.claims_section(inputs),
        bases=sections.bases_section(inputs),
        arms=tables.comparators(inputs.arms),
        runs=[sections.run_section(run) for run in inputs.runs],
        curves=sections.curves_section(inputs),
        episodes=sections.episodes_section(inputs),
    )
    return page.lstrip()


def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["line_class"] = line_class
    environment.globals |= {
        "version": version("secondthought"),
        "css": Markup(_resource("style.css")),
        "script": Markup(_resource("browser.js")),
    }
    return environment.from_string(_resource("template.html"))


def _resource(name: str) -> str:
    return (resources.files("secondthought.report.page") / name).read_text(encoding="utf-8")
