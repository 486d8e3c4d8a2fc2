"""Sections are what the templates are filled with: a record each, built from the inputs by one function, or None.

`SECTIONS` lists them in the order of the page. A new one is a function, a template of its name, and a row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from secondthought.habits.catalog import SHIPPED
from secondthought.report.numbers.about import given_texts
from secondthought.report.numbers.inputs import ReportInputs
from secondthought.report.numbers.runs import Run
from secondthought.report.page import browser, tables
from secondthought.report.page.arms_chart import arms_chart, compared_arms, legend
from secondthought.report.page.charts import all_charts
from secondthought.report.page.curves import main_charts
from secondthought.report.page.facts import config_text, facts
from secondthought.report.page.figures import NUM_COLOURS, Chart, DrawnCharts
from secondthought.report.page.habit_table import HabitRow, habit_rows
from secondthought.report.page.marked_text import HABITS, TAGS
from secondthought.report.page.opening import opening
from secondthought.report.page.picked import PickedRow, picked_rows
from secondthought.report.page.played_twice import played_twice
from secondthought.report.papers.catalog import paper_of
from secondthought.report.papers.claim import Claim, Paper


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRow:
    """A `ClaimRow` is a claim with its number over seeds and that of each seed."""

    claim: Claim
    pooled: tables.Cell
    seeds: Sequence[tuple[str, tables.Cell]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimsSection:
    """The `ClaimsSection` holds the claims of one paper; it is folded where these runs settle none of them."""

    paper: Paper
    remark: str
    rows: Sequence[ClaimRow]

    @property
    def folded(self) -> bool:
        """Return True if no claim can be told."""
        return all(row.claim.verdict == "cannot tell" for row in self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class BasesSection:
    """The `BasesSection` compares bases and priming."""

    rows: Sequence[HabitRow]
    habits: Sequence[str]
    chart: Markup
    legend: Sequence[tuple[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PickedSection:
    """The `PickedSection` says which habits the reward picks."""

    rows: Sequence[PickedRow]
    habits: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvesSection:
    """A `CurvesSection` holds charts, and what a reader must know to read them."""

    drawn: DrawnCharts
    many_seeds: bool
    most_bands: int = NUM_COLOURS

    @property
    def charts(self) -> Sequence[Chart]:
        """Return the charts."""
        return self.drawn.charts

    @property
    def has_bands(self) -> bool:
        """Return True if a chart has a band to explain."""
        return any('class="band' in chart.svg for chart in self.charts)


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodesSection:
    """The `EpisodesSection` holds a sample of groups, the runs' labels, readers by letter, habits with their tags."""

    groups: Sequence[browser.ShownGroup]
    runs: Sequence[str]
    readers: Mapping[str, str]
    habits: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSection:
    """A `RunSection` holds the tables of one run."""

    run: Run
    seed: str
    changes: Sequence[tables.ChangeRow]
    reasons: Sequence[tuple[str, str, str]]
    reflections: Sequence[tables.ChangeRow]
    controls: Sequence[tables.ChangeRow]
    bars: Sequence[tuple[str, str]]
    facts: Sequence[tuple[str, str]]
    config: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionKind:
    """A `SectionKind` names a section (its anchor and its template) and the navigation's link, and builds it."""

    name: str
    link: str
    build: Callable[[ReportInputs], object | None]


def accuracy_section(inputs: ReportInputs) -> CurvesSection | None:
    """Build the section of the curves that say whether it learns; None where nothing was measured along the way."""
    found = _curves(main_charts(inputs), inputs)
    return found if found.charts else None


def bases_section(inputs: ReportInputs) -> BasesSection | None:
    """Build the section of bases and priming; None where no run names its base."""
    compared, rows = compared_arms(inputs), habit_rows(inputs.arms)
    if not rows:
        return None
    return BasesSection(rows=rows, habits=_shipped(), chart=arms_chart(compared), legend=legend(compared))


def arms_section(inputs: ReportInputs) -> Sequence[tables.ArmRow] | None:
    """Build the table of arms; None for a single run, which the opening tells all of."""
    return tables.comparators(inputs.arms) if len(inputs.runs) > 1 and not _only_given_texts(inputs) else None


def measured_section(inputs: ReportInputs) -> Sequence[RunSection] | None:
    """Build the tables before and after; None for fine-tuning, which plays no problems."""
    return None if _only_given_texts(inputs) else [run_section(run) for run in inputs.runs]


def picked_section(inputs: ReportInputs) -> PickedSection | None:
    """Build the table of what the reward picks; None where it had no habit to choose."""
    rows = picked_rows(inputs)
    return PickedSection(rows=rows, habits=_shipped()) if rows else None


def claims_section(inputs: ReportInputs) -> ClaimsSection | None:
    """Build the section of the claims, of the paper that the runs are about; None for fine-tuning."""
    if _only_given_texts(inputs):
        return None
    paper = paper_of(inputs.arms)
    rows = [_claim_row(claim) for claim in paper.claims(inputs.arms)]
    return ClaimsSection(paper=paper, remark=paper.remark(inputs.arms), rows=rows)


def episodes_section(inputs: ReportInputs) -> EpisodesSection | None:
    """Build the section of the groups that runs learned from; None for fine-tuning."""
    if _only_given_texts(inputs):
        return None
    shown = browser.sample(inputs.runs, inputs.readers)
    return EpisodesSection(
        groups=shown,
        runs=list(dict.fromkeys(group.run for group in shown)),
        readers=browser.names(shown, inputs.readers),
        habits=[(_words(name), tag) for name, tag in zip(HABITS, TAGS, strict=True)],
    )


def health_section(inputs: ReportInputs) -> CurvesSection:
    """Build the section of all other charts; fine-tuning plays no problems, so nothing of theirs is missing."""
    drawn = all_charts(inputs)
    return _curves(drawn._replace(absent=()) if _only_given_texts(inputs) else drawn, inputs)


def runs_section(inputs: ReportInputs) -> Sequence[RunSection]:
    """Build the facts of the runs."""
    return [run_section(run) for run in inputs.runs]


def run_section(run: Run) -> RunSection:
    """Build the tables of one run."""
    return RunSection(
        run=run,
        seed=tables.seed_name(run.seed),
        changes=tables.before_after(run),
        reasons=tables.reasons(run),
        reflections=tables.reflections(run),
        controls=tables.controls(run),
        bars=tables.bars(run),
        facts=facts(run),
        config=config_text(run),
    )


SECTIONS = (
    SectionKind(name="opening", link="", build=opening),
    SectionKind(name="accuracy", link="Learning", build=accuracy_section),
    SectionKind(name="bases", link="Bases", build=bases_section),
    SectionKind(name="arms", link="Arms", build=arms_section),
    SectionKind(name="before-after", link="Before and after", build=measured_section),
    SectionKind(name="controls", link="Controls", build=measured_section),
    SectionKind(name="problems", link="Problems", build=played_twice),
    SectionKind(name="picked", link="Picked", build=picked_section),
    SectionKind(name="claims", link="Claims", build=claims_section),
    SectionKind(name="episodes", link="Episodes", build=episodes_section),
    SectionKind(name="curves", link="Health", build=health_section),
    SectionKind(name="runs", link="Runs", build=runs_section),
)
"""The sections of a report of runs."""


def _only_given_texts(inputs: ReportInputs) -> bool:
    return all(given_texts(run) is not None for run in inputs.runs)


def _curves(drawn: DrawnCharts, inputs: ReportInputs) -> CurvesSection:
    return CurvesSection(drawn=drawn, many_seeds=any(len(arm.runs) > 1 for arm in inputs.arms))


def _shipped() -> list[str]:
    return [_words(name) for name in SHIPPED]


def _words(name: str) -> str:
    return name.replace("_", " ")


def _claim_row(claim: Claim) -> ClaimRow:
    cell = {"points": tables.percent_cell, "tokens": tables.tokens_cell, "finds": tables.finds_cell}[claim.unit]
    seeds = [(tables.seed_name(seed), cell(one, signed=True)) for seed, one in claim.result.per_seed if one.is_defined]
    return ClaimRow(claim=claim, pooled=cell(claim.result.pooled, signed=True), seeds=seeds)
