"""The report: one HTML file that needs nothing beside it, made from run directories alone.

Model text is hostile: the template escapes everything, and the only markup that passes is the figures' and the style
sheet's, which are ours. The one script shows and hides groups; it never sees text as code.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

import secondthought
from secondthought.report.numbers.readers import readers
from secondthought.report.numbers.runs import Arm, Run, arms, load_runs
from secondthought.report.page import browser, facts, tables
from secondthought.report.page.arms_chart import arms_chart, courses, legend
from secondthought.report.page.curves import charts
from secondthought.report.page.figures import NUM_COLOURS, line_class
from secondthought.report.page.habit_curves import habit_charts
from secondthought.report.page.habit_table import BEHAVIORS, habit_rows, has_origins
from secondthought.report.page.marked_text import HABITS, TAGS
from secondthought.report.page.published_charts import published_charts
from secondthought.report.papers.four_habits import habit_claims
from secondthought.report.papers.reflect_retry_reward import Claim, claims, main_arm
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
    """The page."""
    groups = arms(runs)
    runs = [run for arm in groups for run in arm.runs]  # the arm that the claims are judged on first
    drawn, absent = charts(groups)
    reading = {run.label: readers(run) for run in runs}
    habits_drawn, habits_absent, never = habit_charts(groups, reading)
    shown = browser.sample(runs, reading)
    rows = courses(groups, published)
    return (
        _template()
        .render(
            version=getattr(secondthought, "__version__", ""),
            css=Markup(_resource("style.css")),
            script=Markup(_resource("browser.js")),
            title=_title(groups),
            lead=_lead(groups),
            runs=runs,
            cautions=_cautions(runs, groups),
            charts=[*drawn, *habits_drawn, *published_charts(groups, published)],
            absent=[*absent, *habits_absent],
            never=never,
            most_bands=NUM_COLOURS,
            line_class=line_class,
            many_seeds=any(len(arm.runs) > 1 for arm in groups),
            judged_on=main.name if (main := main_arm(groups)) is not None else "",
            about_habits=has_origins(groups),
            claims=[_claim_row(claim) for claim in (habit_claims if has_origins(groups) else claims)(groups)],
            habit_rows=habit_rows(groups),
            arms_chart=arms_chart(rows),
            arms_legend=legend(rows),
            habit_names=[name.replace("_", " ") for name in BEHAVIORS],
            arm_rows=tables.comparators(groups),
            before_after=[(run, tables.before_after(run), tables.reasons(run)) for run in runs],
            controls=[(run, tables.controls(run)) for run in runs],
            facts=[(run, facts.facts(run), facts.config_text(run)) for run in runs],
            groups=shown,
            readers=browser.names(shown, reading),
            habits=[(name.replace("_", " "), tag) for name, tag in zip(HABITS, TAGS, strict=True)],
        )
        .lstrip()
    )


def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_resource("template.html"))


def _resource(name: str) -> str:
    return (resources.files("secondthought.report.page") / name).read_text(encoding="utf-8")


def _title(groups: Sequence[Arm]) -> str:
    if len(groups) == 1:
        return groups[0].name
    return f"{groups[0].name} and {len(groups) - 1} other arm{'s' if len(groups) > 2 else ''}"


def _lead(groups: Sequence[Arm]) -> str:
    """Which runs these are: arm, model and seeds."""
    return "; ".join(f"{arm.name}, model {_joined(run.model for run in arm.runs)}, {_seeds(arm)}" for arm in groups)


def _seeds(arm: Arm) -> str:
    seeds = ["?" if run.seed is None else str(run.seed) for run in arm.runs]
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(seeds)}"


def _joined(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))


def _cautions(runs: Sequence[Run], groups: Sequence[Arm]) -> list[str]:
    """What a reader must know before believing anything below."""
    unfinished = [run for run in runs if run.status != "finished"]
    found = [f"{run.label} is {run.status}: what it has not measured is missing." for run in unfinished]
    single = [arm.name for arm in groups if arm.num_seeds < 2]
    if single:
        found.append(f"One seed only: {', '.join(single)}. Its intervals cover problems, not how much seeds differ.")
    copies = [arm.name for arm in groups if arm.num_seeds < len(arm.runs)]
    if copies:
        found.append(f"The same seed more than once: {', '.join(copies)}. Such runs are not independent.")
    if len(groups) == 1:
        found.append("No comparator among these runs: a gain alone does not show what it comes from.")
    return found


def _claim_row(claim: Claim) -> tuple[Claim, tables.Cell, list[tuple[str, tables.Cell]]]:
    cell = {"points": tables.percent_cell, "tokens": tables.tokens_cell, "finds": tables.finds_cell}[claim.unit]
    seeds = [
        ("?" if seed is None else str(seed), cell(one, signed=True))
        for seed, one in claim.result.per_seed
        if one.estimate == one.estimate
    ]
    return claim, cell(claim.result.pooled, signed=True), seeds
