"""`secondthought diagnose` tells whether a model will improve under RL, and if not, what to do first."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from secondthought.cli.flags import Aliases, named
from secondthought.cli.loading import FIXED_BY_PLACE, current_directory, load_policy, load_task, measuring
from secondthought.cli.options import parse
from secondthought.cli.output import write_line, write_table, write_text
from secondthought.cli.progress import ProgressFlags, progress
from secondthought.config import EpisodeConfig, ModelConfig
from secondthought.config.values import Threads
from secondthought.errors import ConfigError
from secondthought.progress import Onlooker
from secondthought.protocols import ReadableTask
from secondthought.requirements import Draw, require
from secondthought.runs.result_rows import number, percent
from secondthought.types import Split

_SHORT: Aliases = {"--model": 0, "--temperature": "--episode.temperature"}


class Options(ProgressFlags):
    """Sample a model, measure what RL would start from, and say what to do next, with the number and threshold.

    Each problem is sampled several times at the temperature of training; then failed ones are reflected on once, and
    retried with the failed try in sight and without it. A rule speaks only where a number's 95 % interval lies wholly
    beyond the rule's threshold; what it advises stands below it as commands. A model is a checkpoint directory, a GGUF
    file, a hub id, or a shipped model's name.
    """

    path: str = ""
    """The model."""
    tasks: tuple[str, ...] = Field(("countdown",), json_schema_extra=named("task", also=("tasks",)))
    """Shipped tasks, `module:Class`, or .jsonl files of questions and answers."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the task's own; for one task only."""
    problems: int = Field(100, ge=2)
    """Problems per task; intervals are over these."""
    samples: int = Field(16, ge=2)
    """Samples per problem: flat groups can be told for group sizes up to this."""
    split: Split = "train"
    """Which problems; RL would start from those of `train`."""
    seed: int = 0
    """Which problems of the split, and what is sampled."""
    detector: str = "auto"
    """functional: finds habits by what was done, as the task reads it; patterns: by wording; module:Class: one of your
    own; auto: functional where the task can."""
    retries: bool = True
    """Also play reflections and retries, with the failed try in sight and without it: rescue and listening."""
    threads: Threads | None = None
    """CPU threads of torch; default: all cores."""
    json_: bool = False
    """One JSON object instead of tables."""
    model: ModelConfig = ModelConfig()
    episode: EpisodeConfig = EpisodeConfig()


def run(argv: list[str], prog: str) -> None:
    """Diagnose the model, task by task, and print numbers and advice."""
    given = parse(Options, argv, prog, positional=("path",), required=("path",), fixed=FIXED_BY_PLACE, aliases=_SHORT)
    if not given.path:
        raise ConfigError(f"{prog}: name a model: a directory, a GGUF file, a hub id, or a shipped model such as small")
    if given.options and len(given.tasks) > 1:
        raise ConfigError(f"{prog}: --options are those of one task; diagnose the tasks one by one")
    tasks = [load_task(name, given.options) for name in given.tasks]
    default = Options.model_fields["problems"].default
    plan = measuring((given.path,), tasks, given.split, given.problems, given.seed, default=default)
    require(plan)
    with progress(given) as shown:
        policy = load_policy(given.model.model_copy(update={"path": given.path}), given.threads, shown)
        found = [
            _diagnose(given, policy, draw, spec, shown) for draw, spec in zip(plan.draws, given.tasks, strict=True)
        ]
    conversation = _conversation(policy)
    if given.json_:
        said = [{**item.to_json(), **_advice(item)} for item in found]
        write_line({"model": given.path, "conversation": conversation, "tasks": said})
        return
    if conversation:
        write_table("conversation, as the chat template writes it", ["", ""], list(conversation.items()))
    for item in found:
        _print(item.to_json(), **_advice(item))


def _conversation(policy: Any) -> dict[str, str]:
    """Return how the model's conversations are put together; nothing where no template does it."""
    from secondthought.models.local import LocalModel

    return policy.chat.describe() if isinstance(policy, LocalModel) else {}


def _diagnose(given: Options, policy: Any, draw: Draw, spec: str, onlooker: Onlooker) -> Any:
    task = draw.task
    from secondthought.habits.detectors import detector
    from secondthought.preflight.diagnose import Subject, diagnose
    from secondthought.rollout.player import Player

    best = "functional" if isinstance(task, ReadableTask) else "patterns"
    with current_directory():
        reads = detector(best if given.detector == "auto" else given.detector, task)
    problems = draw.problems()
    with onlooker.stage(f"diagnosis on {task.name}"):
        return diagnose(
            Player.resolve(policy, task, given.episode, onlooker=onlooker),
            problems,
            samples=given.samples,
            detector=reads,
            seed=given.seed,
            retries=given.retries,
            subject=Subject.of(task, problems, model=given.path, spec=spec, options=given.options),
        )


def _advice(found: Any) -> dict[str, list[dict[str, Any]]]:
    from secondthought.preflight.diagnose import advise, undecided

    said = {"advice": advise(found), "undecided": undecided(found)}
    return {name: [item.to_json() for item in items] for name, items in said.items()}


def _print(found: dict[str, Any], advice: list[dict[str, Any]], undecided: list[dict[str, Any]]) -> None:
    title = (
        f"{found['model']} on {found['task']}: {found['problems']} problems, {found['samples']} samples each,"
        f" temperature {found['temperature']:g}; percent [95 % interval]"
    )
    write_table(title, ["", "of samples"], list(_numbers(found)))
    if found["ways"]:
        _print_ways(found)
    write_table(
        f"habits ({found['detector']})",
        ["", "shown by", "mean count"],
        [(name, percent(item["presence"]), number(item["mean_count"])) for name, item in found["habits"].items()],
    )
    for place, item in enumerate(advice, 1):
        write_text(
            f"{place}. {item['says']}\n   {item['rule']}: {item['what']} = {number(item['number'])}, threshold:"
            f" {item['threshold']} ({item['source']})" + "".join(f"\n   $ {command}" for command in item["commands"])
        )
    for item in undecided:
        write_text(
            f"too uncertain to say: {item['rule']}: {item['what']} = {number(item['number'])}, threshold:"
            f" {item['threshold']}; more --problems would tell"
        )


def _numbers(found: dict[str, Any]) -> Any:
    yield "first try", percent(found["first_try"])
    yield "format valid", percent(found["format_valid"])
    yield "cut off at the token limit", percent(found["truncated"])
    for k, value in found["pass_at"].items():
        if k != "1":
            yield f"pass@{k}", percent(value)
    for size, value in found["flat_groups"].items():
        yield f"flat groups of {size}", percent(value)
    yield "pairs of samples that differ", percent(found["distinct"])
    yield "nats per token", number(found["entropy"])
    yield "tokens", number(found["length"])


_SEEN = {"all": "failed try in sight", "reflection": "problem and reflection only"}


def _print_ways(found: dict[str, Any]) -> None:
    """Print what retries do both ways, and which of them to train."""
    ways = found["ways"]
    names = dict.fromkeys(name for way in ways.values() for name in way["retries"])
    rows = [
        (f"right after: {name.replace('_', ' ')}", *(percent(way["retries"][name]) for way in ways.values()))
        for name in names
    ]
    rows += [
        ("answer changed after own reflection", *(percent(way["changed"]) for way in ways.values())),
        ("rescue: own - second sample", *(percent(way["rescue"], "+") for way in ways.values())),
        ("listening: oracle's - another problem's", *(percent(way["listening"], "+") for way in ways.values())),
    ]
    title = "retries of failed first samples, by what they see; percent [95 % interval]"
    write_table(title, ["", *(f"{_SEEN[name]}\n(episode.retry_sees = {name})" for name in ways)], rows)
    write_text(
        f"without the failed try in sight, right retries change by {percent(found['unseen'], '+')} points;"
        f" recommended: episode.retry_sees = {found['recommended_retry_sees']}"
    )
