"""Papers have claims that a report holds against its runs: a module each, listed in `catalog`."""

from secondthought.report.papers.catalog import PAPERS

__all__ = ["PAPERS"]
