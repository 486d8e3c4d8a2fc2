"""`secondthought demo` does the main job on the shipped tiny model."""

from __future__ import annotations

from pathlib import Path

from secondthought.cli.options import parse
from secondthought.cli.output import write_line
from secondthought.cli.progress import ProgressFlags
from secondthought.cli.run_options import require_learning
from secondthought.cli.summary_table import print_summary


class Options(ProgressFlags):
    """Train the shipped tiny model to reflect, and print first and second try before and after, with intervals."""

    run_dir: Path = Path("runs/demo")
    """Where everything is written; a run that is there is replaced."""
    seed: int = 0
    """Seed of sampling and data order."""
    quick: bool = False
    """A few steps only: shows that everything runs, not that anything is learned."""
    resume: bool = False
    """Go on with the run in run_dir instead of replacing it."""
    json_: bool = False
    """One JSON object instead of a table."""


def run(argv: list[str], prog: str) -> None:
    """Run the demo and print its summary."""
    given = parse(Options, argv, prog, aliases={"--out": "--run-dir"})
    from secondthought.train.demo import demo

    summary = demo(
        run_dir=given.run_dir,
        seed=given.seed,
        quick=given.quick,
        resume=given.resume,
        overwrite=not given.resume,
        quiet=given.quiet,
        command=[*prog.split(), *argv],
    )
    if given.json_:
        write_line({"run_dir": str(given.run_dir), **summary})
    else:
        print_summary(given.run_dir, summary)
    require_learning(summary)
