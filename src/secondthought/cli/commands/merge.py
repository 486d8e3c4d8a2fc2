"""`secondthought merge` makes an ordinary checkpoint of a base model and its adapter."""

from __future__ import annotations

import shutil
from pathlib import Path

from secondthought.cli.loading import checkpoint_of
from secondthought.cli.options import parse
from secondthought.cli.output import write_line, write_text
from secondthought.config import Config, ModelConfig
from secondthought.errors import RunError
from secondthought.runs.checkpoints import Pointer


class Options(Config):
    """Add an adapter that training wrote (LoRA) to the weights of its base model: a checkpoint that anything loads."""

    adapter: Path
    """A run directory, one of its checkpoints, or any directory with adapter_config.json."""
    out: Path
    """Directory of the new checkpoint; its weights are fp32."""
    checkpoint: Pointer = "best"
    """Of a run directory: the best checkpoint by the validation split, or the last."""
    device: str = "cpu"
    """Where the sums are computed."""
    trust_remote_code: bool = False
    """Run Python code that the base model brings. Only for authors whom you trust."""
    overwrite: bool = False
    """Write into `out` even if it holds files."""
    json_: bool = False
    """One JSON object instead of a sentence."""


def run(argv: list[str], prog: str) -> None:
    """Merge the adapter into its base and write the checkpoint."""
    given = parse(Options, argv, prog, positional=("adapter", "out"), aliases={"--out": 1})
    if given.out.exists() and not given.overwrite and (not given.out.is_dir() or any(given.out.iterdir())):
        raise RunError(f"{given.out}: already holds files; choose another directory, or give --overwrite")
    directory = checkpoint_of(given.adapter, given.checkpoint)
    if not (directory / "adapter_config.json").is_file():
        raise RunError(f"{directory}: holds no adapter (adapter_config.json); name a run or a checkpoint that has one")
    from secondthought.models.loading import load_model  # after parsing
    from secondthought.models.local import LocalModel
    from secondthought.runs import files, model_card

    path = str(directory)
    policy = load_model(
        ModelConfig(path=path, device=given.device, trust_remote_code=given.trust_remote_code), LocalModel
    )
    policy.merge()
    with files.into_directory(given.out) as directory_of_out:
        policy.save(directory_of_out)
        if (directory / model_card.NAME).is_file():
            shutil.copyfile(directory / model_card.NAME, directory_of_out / model_card.NAME)
    parameters = sum(parameter.numel() for parameter in policy.model.parameters())
    if given.json_:
        write_line({"path": str(given.out), "adapter": path, "parameters": parameters})
    else:
        write_text(f"{given.out}: {parameters} parameters, merged from {path}")
