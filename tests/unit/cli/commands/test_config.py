"""The schemas that `config schema` prints accept every file that ships, and refuse what the commands refuse."""

import json
import tomllib
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

CONFIGS = sorted((Path(__file__).parents[4] / "configs").glob("*.toml"))


@pytest.fixture
def validator(cli):
    def schema_of(file):
        schema = json.loads(cli("config", "schema", file).out)
        Draft202012Validator.check_schema(schema)
        return Draft202012Validator(schema)

    return schema_of


def file_kind(path):
    return "study" if path.stem.endswith("study") else "sft" if path.stem.startswith("sft") else "train"


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_what_ships_is_accepted(validator, path):
    errors = validator(file_kind(path)).iter_errors(tomllib.loads(path.read_text("utf-8")))
    assert [error.message for error in errors] == []


@pytest.mark.parametrize(
    ("file", "text", "place"),
    [
        ("train", "seeed = 1", []),
        ("train", "[train]\nsteps = 'ten'", ["train", "steps"]),
        ("train", "[train]\nsteps = 0", ["train", "steps"]),
        ("train", "[algorithm]\ntype = 'gpro'", ["algorithm", "type"]),
        ("sft", "[optim]\nlr = -1.0", ["optim", "lr"]),
        ("study", "out = 'x'\n[arms.a]\nseed = [1]", ["arms", "a"]),
        ("study", "out = 'x'\n[settings.train]\nstepz = 1\n[arms.a]", ["settings", "train"]),
        ("study", "out = 'x'\n[arms.a.settings.train]\nsteps = 0", ["arms", "a", "settings", "train", "steps"]),
        ("study", "out = 'x'\n[arms.a.sft.optim]\nlr = 'high'", ["arms", "a", "sft", "optim", "lr"]),
    ],
)
def test_what_a_command_refuses_is_an_error_at_its_place(validator, file, text, place):
    [error] = validator(file).iter_errors(tomllib.loads(text))
    assert list(error.absolute_path) == place


def test_settings_carry_their_sentences(validator):
    schema = validator("train").schema
    assert schema["$defs"]["EvalConfig"]["properties"]["problems"]["description"] == "Problems of the test split."
