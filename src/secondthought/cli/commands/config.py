"""`secondthought config schema` prints the JSON schema of a settings file: editors complete and check TOML with it."""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic.json_schema import models_json_schema

from secondthought.cli.options import parse
from secondthought.cli.output import write_text
from secondthought.config import Config, RunConfig
from secondthought.config.pretrain import PretrainConfig
from secondthought.config.sft import SftConfig

DIALECT = "https://json-schema.org/draft/2020-12/schema"
"""The version of JSON Schema that pydantic writes."""


class Options(Config):
    """Print the JSON schema of a file of settings: of `train`, `train sft`, `train pretrain`, or of a study.

    In an editor with a TOML language server, a first line `#:schema ./FILE` in the settings then gives completion,
    explanations and errors as you type.
    """

    file: Literal["train", "sft", "pretrain", "study"] = "train"
    """The command whose file it is."""


def schema(argv: list[str], prog: str) -> None:
    """Print the schema as one JSON object."""
    given = parse(Options, argv, prog, positional=("file",))
    write_text(json.dumps(schema_of(given.file), indent=2))


def schema_of(file: str) -> dict[str, Any]:
    """Return the JSON schema of the TOML files that a command takes."""
    from secondthought.study.config import ArmConfig, StudyConfig

    kinds: dict[str, type[Config]] = {
        "train": RunConfig,
        "sft": SftConfig,
        "pretrain": PretrainConfig,
        "study": StudyConfig,
    }
    asked: list[type[Config]] = [kinds[file]] if file != "study" else [StudyConfig, ArmConfig, RunConfig, SftConfig]
    _, found = models_json_schema([(kind, "validation") for kind in asked], title=f"secondthought {file}")
    definitions = found["$defs"]
    if file == "study":
        _share_tables(definitions)
    root = definitions.pop(kinds[file].__name__)
    return {"$schema": DIALECT, **root, "title": found["title"], "$defs": definitions}


def _share_tables(definitions: dict[str, Any]) -> None:
    """Give the free tables of a study the schema of what they are laid over: settings of runs and of fine-tunings."""
    for holder in ("StudyConfig", "ArmConfig"):
        for table, kind in (("settings", "RunConfig"), ("sft", "SftConfig")):
            properties = definitions[holder]["properties"]
            properties[table] = {"$ref": f"#/$defs/{kind}", "description": properties[table].get("description", "")}
