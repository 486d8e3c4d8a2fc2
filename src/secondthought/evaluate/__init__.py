"""Measuring a policy: what happened per problem, the rates with their intervals, controls and paired comparisons."""

from secondthought.evaluate.compare import Difference, compare, compare_rescues
from secondthought.evaluate.controls import (
    CONTROLS,
    Outcome,
    controls_of,
    listening,
    play_controls,
    rescue_rates,
    second_try_rates,
)
from secondthought.evaluate.evaluation import Evaluation, evaluate, failures_of, record
from secondthought.evaluate.rows import ProblemRow, TurnRow, read_rows, write_rows
from secondthought.evaluate.summary import Summary, summarise
from secondthought.stats import to_json

__all__ = [
    "CONTROLS",
    "Difference",
    "Evaluation",
    "Outcome",
    "ProblemRow",
    "Summary",
    "TurnRow",
    "compare",
    "compare_rescues",
    "controls_of",
    "evaluate",
    "failures_of",
    "listening",
    "play_controls",
    "read_rows",
    "record",
    "rescue_rates",
    "second_try_rates",
    "summarise",
    "to_json",
    "write_rows",
]
