"""`secondthought push` sends a trained model to a hub, with its card."""

from __future__ import annotations

from pathlib import Path

from secondthought.cli.loading import checkpoint_of
from secondthought.cli.options import parse
from secondthought.cli.output import write_line, write_text
from secondthought.config import Config
from secondthought.errors import RunError
from secondthought.runs.checkpoints import Pointer

MODEL_FILES = ("config.json", "adapter_config.json")


class Options(Config):
    """Send what loads a model, and its card README.md, to a repository of a hub; what a run resumes from stays here.

    The hub is asked with the key of `hf auth login` or HF_TOKEN; HF_ENDPOINT names another hub.
    """

    model: Path
    """A run directory, one of its checkpoints, or any directory with a model or an adapter."""
    repo: str
    """The repository, USER/NAME; it is made where there is none."""
    checkpoint: Pointer | None = None
    """Of a run: the best checkpoint, or the last; default: the one that was evaluated."""
    private: bool = False
    """Make a new repository that only its owner sees."""
    json_: bool = False
    """One JSON object instead of the address."""


def run(argv: list[str], prog: str) -> None:
    """Send the model and print its address."""
    given = parse(Options, argv, prog, positional=("model", "repo"))
    directory = checkpoint_of(given.model, given.checkpoint)
    if not any((directory / name).is_file() for name in MODEL_FILES):
        raise RunError(f"{directory}: holds no {' or '.join(MODEL_FILES)}; name a run or one of its checkpoints")
    from secondthought.runs import hub

    hub.check(given.repo)
    address = hub.push(directory, given.repo, private=given.private)
    if given.json_:
        write_line({"url": address, "model": str(directory)})
    else:
        write_text(address)
