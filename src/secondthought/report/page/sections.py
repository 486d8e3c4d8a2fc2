"""Sections are what the template of the page is filled with: a record each, built from the inputs by one function."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from secondthought.habits.catalog import SHIPPED
from secondthought.report.numbers.inputs import ReportInputs
from secondthought.report.numbers.runs import Arm, Run
from secondthought.report.page import browser, tables
from secondthought.report.page.arms_chart import arms_chart, compared_arms, legend
from secondthought.report.page.charts import all_charts
from secondthought.report.page.figures import NUM_COLOURS, DrawnCharts
from secondthought.report.page.habit_table import HabitRow, habit_rows
from secondthought.report.page.marked_text import HABITS, TAGS
from secondthought.report.papers.catalog import paper_of, unknown_papers
from secondthought.report.papers.claim import Claim, Paper
from secondthought.runs import endings
from secondthought.runs.directory import ENDED


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """The `Heading` says which runs the page is about, and what to know before believing anything below."""

    title: str
    lead: str
    cautions: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRow:
    """A `ClaimRow` is a claim with its number over seeds and that of each seed."""

    claim: Claim
    pooled: tables.Cell
    seeds: Sequence[tuple[str, tables.Cell]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimsSection:
    """The `ClaimsSection` holds the claims of one paper."""

    paper: Paper
    remark: str
    rows: Sequence[ClaimRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class BasesSection:
    """The `BasesSection` compares bases and priming; without rows it is left out."""

    rows: Sequence[HabitRow]
    habits: Sequence[str]
    chart: Markup
    legend: Sequence[tuple[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvesSection:
    """The `CurvesSection` holds the charts, and what a reader must know to read them."""

    drawn: DrawnCharts
    many_seeds: bool
    most_bands: int = NUM_COLOURS


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodesSection:
    """The `EpisodesSection` holds a sample of groups, the readers' names by letter, and habits with their tags."""

    groups: Sequence[browser.ShownGroup]
    readers: Mapping[str, str]
    habits: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSection:
    """A `RunSection` holds the tables of one run."""

    run: Run
    seed: str
    changes: Sequence[tables.ChangeRow]
    reasons: Sequence[tuple[str, str, str]]
    controls: Sequence[tables.ChangeRow]
    facts: Sequence[tuple[str, str]]
    config: str


def heading(inputs: ReportInputs) -> Heading:
    """Build the heading."""
    arms = inputs.arms
    others = f" and {len(arms) - 1} other arm{'s' if len(arms) > 2 else ''}" if len(arms) > 1 else ""
    lead = "; ".join(f"{arm.name}, model {_joined(run.model for run in arm.runs)}, {_seeds(arm)}" for arm in arms)
    return Heading(title=f"{arms[0].name}{others}", lead=lead, cautions=_cautions(inputs))


def claims_section(inputs: ReportInputs) -> ClaimsSection:
    """Build the section of the claims, of the paper that the runs are about."""
    paper = paper_of(inputs.arms)
    rows = [_claim_row(claim) for claim in paper.claims(inputs.arms)]
    return ClaimsSection(paper=paper, remark=paper.remark(inputs.arms), rows=rows)


def bases_section(inputs: ReportInputs) -> BasesSection:
    """Build the section of bases and priming."""
    compared = compared_arms(inputs)
    return BasesSection(
        rows=habit_rows(inputs.arms),
        habits=[_words(name) for name in SHIPPED],
        chart=arms_chart(compared),
        legend=legend(compared),
    )


def curves_section(inputs: ReportInputs) -> CurvesSection:
    """Build the section of the charts."""
    return CurvesSection(drawn=all_charts(inputs), many_seeds=any(len(arm.runs) > 1 for arm in inputs.arms))


def episodes_section(inputs: ReportInputs) -> EpisodesSection:
    """Build the section of the groups that runs learned from."""
    shown = browser.sample(inputs.runs, inputs.readers)
    return EpisodesSection(
        groups=shown,
        readers=browser.names(shown, inputs.readers),
        habits=[(_words(name), tag) for name, tag in zip(HABITS, TAGS, strict=True)],
    )


def run_section(run: Run) -> RunSection:
    """Build the tables of one run."""
    return RunSection(
        run=run,
        seed=tables.seed_name(run.seed),
        changes=tables.before_after(run),
        reasons=tables.reasons(run),
        controls=tables.controls(run),
        facts=tables.facts(run),
        config=tables.config_text(run),
    )


def _seeds(arm: Arm) -> str:
    return f"seed{'s' if len(arm.runs) > 1 else ''} {tables.seed_names(arm)}"


def _joined(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))


def _words(name: str) -> str:
    return name.replace("_", " ")


def _cautions(inputs: ReportInputs) -> list[str]:
    arms = inputs.arms
    unfinished = [run for run in inputs.runs if run.status not in ENDED]
    found = [f"{run.label} is {run.status}: what it has not measured is missing." for run in unfinished]
    found += [f"{run.label}: {sentence}." for run in inputs.runs for sentence in endings.cautions(run.summary)]
    single = [arm.name for arm in arms if arm.num_seeds < 2]
    if single:
        found.append(f"One seed only: {', '.join(single)}. Its intervals cover problems, not how much seeds differ.")
    copies = [arm.name for arm in arms if arm.num_seeds < len(arm.runs)]
    if copies:
        found.append(f"The same seed more than once: {', '.join(copies)}. Such runs are not independent.")
    if len(arms) == 1:
        found.append("No comparator among these runs: a gain alone does not show what it comes from.")
    unknown = unknown_papers(arms)
    if unknown:
        found.append(f"Runs declare claims that this version does not know: {', '.join(unknown)}.")
    return found


def _claim_row(claim: Claim) -> ClaimRow:
    cell = {"points": tables.percent_cell, "tokens": tables.tokens_cell, "finds": tables.finds_cell}[claim.unit]
    seeds = [(tables.seed_name(seed), cell(one, signed=True)) for seed, one in claim.result.per_seed if one.is_defined]
    return ClaimRow(claim=claim, pooled=cell(claim.result.pooled, signed=True), seeds=seeds)
