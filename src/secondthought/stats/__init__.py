"""Statistics gives rates their intervals and differences their tests: no rate of this project is printed without one.

Shares and paired differences of shares have *score* intervals (`wilson`, `mean_share`, `paired_difference`): the bounds
are the values that a test would just not refuse. They keep within what the number can be, and they have width where all
outcomes agree: few problems that agree prove little. Means of anything else have Student's.

Intervals are at 95 % unless asked otherwise. What is undefined (no data, one length) is NaN, never 0.
"""

from secondthought.stats.interval import UNDEFINED, Interval, to_json
from secondthought.stats.means import NORMAL_POINT, Numbers, mean_interval, t_quantile
from secondthought.stats.non_inferiority import NonInferiority, non_inferiority
from secondthought.stats.p_values import benjamini_hochberg, decidable, fisher, holm, mcnemar, sign_test
from secondthought.stats.ratio import Ratio
from secondthought.stats.shares import (
    mean_difference,
    mean_share,
    paired_difference,
    pass_at_k,
    share_of_clusters,
    stratified_share,
    unpaired_difference,
    wilson,
)
from secondthought.stats.variances import variance_between

__all__ = [
    "NORMAL_POINT",
    "UNDEFINED",
    "Interval",
    "NonInferiority",
    "Numbers",
    "Ratio",
    "benjamini_hochberg",
    "decidable",
    "fisher",
    "holm",
    "mcnemar",
    "mean_difference",
    "mean_interval",
    "mean_share",
    "non_inferiority",
    "paired_difference",
    "pass_at_k",
    "share_of_clusters",
    "sign_test",
    "stratified_share",
    "t_quantile",
    "to_json",
    "unpaired_difference",
    "variance_between",
    "wilson",
]
