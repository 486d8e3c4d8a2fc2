"""The state of a live report: its sections, built anew when a file of its runs has changed."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from markupsafe import Markup

from secondthought.errors import SecondthoughtError
from secondthought.report.numbers.inputs import gather
from secondthought.report.numbers.runs import load_runs
from secondthought.report.page.html import links_of, section_html, sections_of

_WATCHED = ("*.json", "*.jsonl", "episodes/*.jsonl", "evaluations/*.jsonl", "checkpoints/*.json")


@dataclass(frozen=True, slots=True)
class Built:
    """A `Built` report has a title, its sections in the order of the page, and a digest of each."""

    title: str
    sections: dict[str, Markup]
    digests: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """Return what a page needs to know which of its sections are out of date."""
        links = links_of(self.sections)
        return {"title": self.title, "links": links, "digests": self.digests, "order": [*self.sections]}


@dataclass(slots=True)
class LiveReport:
    """A `LiveReport` reads some run directories again whenever they have changed; several threads may ask it."""

    run_dirs: Sequence[Path]
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _seen: tuple[Any, ...] = ()
    _built: Built | None = None

    def now(self) -> Built:
        """Return the report as it is now; while a file is being replaced, as it was.

        Raises:
            SecondthoughtError: it was never read, and cannot be.
        """
        with self._lock:
            seen = tuple(self._stamps())
            if self._built is None or seen != self._seen:
                try:
                    self._built, self._seen = _build(self.run_dirs), seen
                except SecondthoughtError:
                    if self._built is None:
                        raise
            return self._built

    def _stamps(self) -> Iterator[tuple[str, int, int]]:
        """Yield name, time and size of each file that the report reads."""
        for path in sorted(file for run in self.run_dirs for pattern in _WATCHED for file in run.glob(pattern)):
            try:
                found = path.stat()
            except OSError:  # it was replaced or deleted in between; the next look sees what is there then
                continue
            yield str(path), found.st_mtime_ns, found.st_size


def _build(run_dirs: Sequence[Path]) -> Built:
    records = sections_of(gather(load_runs(run_dirs), ()))
    sections = {name: section_html(name, record) for name, record in records.items()}
    digests = {name: hashlib.sha256(html.encode()).hexdigest()[:16] for name, html in sections.items()}
    return Built(records["opening"].title, sections, digests)
