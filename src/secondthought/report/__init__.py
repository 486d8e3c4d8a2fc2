"""The report: run directories in, one HTML file out. Never imports torch, a policy or the trainer."""

from secondthought.report.claims import Claim, claims
from secondthought.report.html import build_report
from secondthought.report.load import Arm, Run, arms, load_runs

__all__ = ["Arm", "Claim", "Run", "arms", "build_report", "claims", "load_runs"]
