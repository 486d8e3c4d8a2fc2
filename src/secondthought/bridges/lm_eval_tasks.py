"""Benchmarks of lm-eval, asked through lm-eval itself: its prompts, its few shots, its scores (extra `lm-eval`).

The library: github.com/EleutherAI/lm-evaluation-harness. Data come from the hub, as a task names them, or from files.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from typing import Any

from secondthought.bridges.lm_eval_files import LmEvalOptions, with_files
from secondthought.errors import PolicyError, TaskError, first_line
from secondthought.inference.local import LocalPolicy
from secondthought.progress import Onlooker
from secondthought.protocols import Policy
from secondthought.runs import contents
from secondthought.spelling import suggestion

FEWSHOT_SEED = 1234
"""lm-eval's own seed of which examples are shown, so that prompts are those of its command line."""
NONE = "none"
"""The name in lm-eval of the reading of answers, where a task has but one."""


class LmEvalExam:
    """An `LmEvalExam` is a task of lm-eval, whose first items a model answers."""

    def __init__(self, name: str, options: Mapping[str, Any], problems: int) -> None:
        """Find the task and its data.

        Raises:
            TaskError: lm-eval is not installed, there is no such task, an option is wrong, or its data are not here.
        """
        self.name, self.problems = name, problems
        self.options = LmEvalOptions.read(name, options)
        self._task = name.partition(":")[2]
        try:
            manager = _manager()
        except ImportError:
            raise TaskError(f"task {name}: needs lm-eval: pip install 'secondthought[lm-eval]'") from None
        if self._task not in manager.all_tasks:
            raise TaskError(f"task {name}: lm-eval has no such task{suggestion(self._task, manager.all_tasks)}")
        entry = manager.task_index[self._task]
        if (entry.cfg or {}).get("unsafe_code"):
            raise TaskError(f"task {name}: lm-eval runs what a model writes there; python_code does so in a sandbox")
        self._loaded = self._guarded("cannot be loaded (--options.files names its data)", lambda: self._load(manager))
        for task in self._loaded["tasks"].values():
            own = task.config
            self._one_of("metric", self.options.metric, [str(item["metric"]) for item in own.metric_list or ()])
            self._one_of("filter", self.options.filter, [item["name"] for item in own.filter_list or ({"name": NONE},)])

    def _load(self, manager: Any) -> Any:
        entry = manager.task_index[self._task]
        return manager.load([with_files(self.name, entry, self.options) if self.options.files else self._task])

    def right(self, policy: Policy, onlooker: Onlooker) -> list[bool]:
        """Let lm-eval ask a model; return for each item whether it was right.

        Raises:
            PolicyError: the model is not one of this process, so that its probabilities cannot be read.
            TaskError: lm-eval fails, or an item's score is neither 0 nor 1.
        """
        if not isinstance(policy, LocalPolicy):
            raise PolicyError(f"{policy.name}: lm-eval asks for probabilities; give a model that is here")
        from secondthought.bridges.lm_eval_model import SecondthoughtLM

        found = self.samples(SecondthoughtLM(policy, onlooker))
        return [right for task in sorted(found) for right in self._scores(found[task])]

    def asks(self) -> dict[str, Any]:
        """See `Exam.asks`."""
        options = self.options.model_dump(mode="json")
        return {
            "options": options,
            "problems": self.problems,
            "lm-eval": version("lm_eval"),
            "files": contents.digest_of_files(contents.files_named_in(options)),
        }

    def samples(self, model: Any) -> dict[str, list[dict[str, Any]]]:
        """Let lm-eval ask one of its models, ours or another; return what it logs of each item, by task.

        Raises:
            TaskError: lm-eval fails.
        """
        import lm_eval

        for task in self._loaded["tasks"].values():
            shots = task.config.num_fewshot or 0
            if self.options.fewshot is not None and task.config.num_fewshot != 0:  # 0 says that there must be none
                shots = self.options.fewshot
            task.set_config(key="num_fewshot", value=shots)
            task.set_fewshot_seed(seed=FEWSHOT_SEED)
        found = self._guarded(
            "lm-eval stopped",
            lambda: lm_eval.evaluate(
                lm=model,
                task_dict=self._loaded,
                limit=self.problems,
                bootstrap_iters=0,
                apply_chat_template=self.options.chat,
                fewshot_as_multiturn=self.options.chat,
            ),
        )
        kept: dict[str, list[dict[str, Any]]] = found["samples"]
        return kept

    def _scores(self, samples: Sequence[Mapping[str, Any]]) -> list[bool]:
        filters = list(dict.fromkeys(sample["filter"] for sample in samples))
        chosen = self._one_of("filter", self.options.filter, filters)
        metric = self._one_of("metric", self.options.metric, list(samples[0]["metrics"]))
        kept = sorted((s for s in samples if s["filter"] == chosen), key=lambda sample: sample["doc_id"])
        for sample in kept:
            if sample[metric] not in (0, 1):
                raise TaskError(f"task {self.name}: {metric} is {sample[metric]!r}, neither right nor wrong")
        return [bool(sample[metric]) for sample in kept]

    def _one_of(self, option: str, wanted: str | None, known: list[str]) -> str:
        """Return what is wanted of what there is, by default the first.

        Raises:
            TaskError: there is no such one.
        """
        if not known or (wanted is not None and wanted not in known):
            raise TaskError(f"task {self.name}: option {option}: {wanted} is none of {', '.join(known) or 'none'}")
        return known[0] if wanted is None else wanted

    def _guarded(self, what: str, call: Any) -> Any:
        try:
            return call()
        except (PolicyError, TaskError):
            raise
        except Exception as error:  # somebody's code
            raise TaskError(f"task {self.name}: {what}: {type(error).__name__}: {first_line(error)}") from error


@cache
def _manager() -> Any:
    """Return lm-eval's list of tasks, which takes seconds to read."""
    import datasets
    from lm_eval.api import task
    from lm_eval.tasks import TaskManager

    task.tqdm = lambda items, **_: items  # bars of others would break up ours
    datasets.disable_progress_bars()
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    return TaskManager()
