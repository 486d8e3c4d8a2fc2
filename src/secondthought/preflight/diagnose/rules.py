"""The rules of advice, in the order in which they speak."""

from secondthought.preflight.diagnose.retry_rules import (
    BELOW_SECOND_SAMPLE,
    DOES_NOT_LISTEN,
    LISTENS,
    RARE_RESCUE,
    RETRY_UNSEEN,
)
from secondthought.preflight.diagnose.rule import AdviceRule
from secondthought.preflight.diagnose.sample_rules import (
    FLAT_GROUPS,
    FORMAT,
    NO_SEARCH,
    ONE_ANSWER,
    TOO_EASY,
    TOO_HARD,
    TRUNCATED,
)

RULES: tuple[AdviceRule, ...] = (
    FORMAT,
    TRUNCATED,
    TOO_HARD,
    TOO_EASY,
    FLAT_GROUPS,
    NO_SEARCH,
    ONE_ANSWER,
    RETRY_UNSEEN,
    LISTENS,
    DOES_NOT_LISTEN,
    RARE_RESCUE,
    BELOW_SECOND_SAMPLE,
)
