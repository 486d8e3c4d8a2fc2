"""The report makes one HTML file from run directories. It never imports torch, a policy or the trainer."""

from secondthought.report.numbers.runs import Arm, Run, arms, load_runs
from secondthought.report.page.evaluation import build_evaluation, is_evaluation
from secondthought.report.page.html import build_report
from secondthought.report.papers.claim import Claim
from secondthought.report.papers.reflect_retry_reward import claims

__all__ = ["Arm", "Claim", "Run", "arms", "build_evaluation", "build_report", "claims", "is_evaluation", "load_runs"]
