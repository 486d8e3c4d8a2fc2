"""Executors run the tasks of a pipeline: here, on a Ray cluster, or as array jobs of Slurm; all are `datatrove`'s.

Nothing here knows what a task does. Where a task's results lie decides whether it is done, not the executor's own
marks: these are not looked at.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

from secondthought.errors import ConfigError

ExecutorName: TypeAlias = Literal["local", "ray", "slurm"]
Step: TypeAlias = Callable[[Any, int, int], Any]
"""Called with the data of the step before, the task's rank, and how many tasks there are."""


def run(
    step: Step, *, executor: ExecutorName, tasks: int, workers: int, folder: Path, options: Mapping[str, Any]
) -> None:
    """Run the tasks; of Slurm, submit them.

    Args:
        step: what each task does.
        executor: who runs them.
        tasks: how many there are.
        workers: how many run at once.
        folder: for the executor's logs and marks.
        options: the executor's own, by `datatrove`'s names.

    Raises:
        ConfigError: `datatrove` or what the executor needs is not installed, or an option is not known to it.
    """
    try:
        kind = _KINDS[executor]()
    except ImportError as error:
        missing = (error.name or str(error)).partition(".")[0]
        remedy = "pip install ray" if missing == "ray" else "install secondthought[corpora]"
        raise ConfigError(f"--executor {executor} needs {missing}; {remedy}") from None
    try:
        made = kind(
            [step], tasks=tasks, workers=workers, logging_dir=str(folder), **{"skip_completed": False, **options}
        )
    except TypeError as error:
        raise ConfigError(
            f"--executor {executor}: {str(error).rpartition('() ')[2]}; see its options in datatrove"
        ) from None
    made.run()


def _local() -> Any:
    from datatrove.executor.local import LocalPipelineExecutor

    class QuietExecutor(LocalPipelineExecutor):
        """A `QuietExecutor` says nothing, and leaves Ctrl-C to the process that began."""

        def _run_for_rank(self, rank: int, *args: Any, **kwargs: Any) -> Any:
            if self.workers != 1:
                signal.signal(signal.SIGINT, signal.SIG_IGN)
            _silence()
            return super()._run_for_rank(rank, *args, **kwargs)

    _silence()
    return QuietExecutor


def _silence() -> None:
    """Keep `datatrove` from the terminal: what a task says there is its pipeline in full, once more for every task."""
    from loguru import logger

    logger.disable("datatrove")


def _ray() -> Any:
    import ray  # noqa: F401  # its absence is to be told before anything starts
    from datatrove.executor.ray import RayPipelineExecutor

    return RayPipelineExecutor


def _slurm() -> Any:
    from datatrove.executor.slurm import SlurmPipelineExecutor

    return SlurmPipelineExecutor


_KINDS: Mapping[ExecutorName, Callable[[], Any]] = {"local": _local, "ray": _ray, "slurm": _slurm}
