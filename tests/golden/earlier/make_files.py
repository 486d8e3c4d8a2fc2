"""Make the files of this directory with the version whose interpreter runs this; see README.md.

PYTHONPATH must hold that version's test helpers (`tiny_models`, `lucky_task`, `misbehaving_server`), and after them
those of today (`this_platform`).
"""

import contextlib
import io
import json
import os
import re
import shutil
import signal
import sys
from pathlib import Path

import torch
import transformers as hf
from misbehaving_server import serving
from this_platform import this_platform
from tiny_models import byte_tokenizer

import secondthought
from secondthought.cli import main
from secondthought.runs.recorder import Recorder

HERE = Path(__file__).parent
MADE = (
    "answers.jsonl",
    "eval",
    "failures.jsonl",
    "from_eval.jsonl",
    "from_eval.provenance.json",
    "interrupted",
    "model",
)
MADE += ("printed", "run", "set.jsonl", "set.provenance.json", "sft", "study", "texts.jsonl", "whole")
TEXTS = ("4+4=8, that is too much: no. Let me check: 8-4=4, right.", "I work backwards from 12: 12-3=9.", "")
LEFT_OUT = (".safetensors", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja")
MODEL = {
    "vocab_size": 272,
    "hidden_size": 8,
    "intermediate_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 256,
    "tie_word_embeddings": True,
    "bos_token_id": None,
    "eos_token_id": 258,
    "pad_token_id": 256,
}
TINY = ("--options.preset", "tiny", "--options.max-number", 8)


def command(*words):
    """Run a command and return what it printed."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main([str(word) for word in words]) in (None, 0), words
    return out.getvalue()


def tiny_checkpoint(path):
    generator = torch.Generator().manual_seed(0)
    model = hf.Qwen2ForCausalLM(hf.Qwen2Config(**MODEL))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.4 * torch.randn(parameter.shape, generator=generator))
    model.save_pretrained(path)
    byte_tokenizer().save_pretrained(path)


def killed(*words, row):
    """Run a command in a process that is killed when it is about to record that row."""
    child = os.fork()
    if child == 0:
        record, count = Recorder.metrics, iter(range(row))

        def metrics(*args):
            if next(count, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)
            record(*args)

        Recorder.metrics = metrics
        main([str(word) for word in words])
        os._exit(1)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL


def judge(messages):
    """Quote what the texts say of checks, and find nothing else."""
    asked = messages[-1]["content"]
    quotes = ["Let me check: 8-4=4"] if "verif" in asked.lower() and "Let me check: 8" in asked else []
    return json.dumps({"evidence": quotes})


def trained():
    tiny_checkpoint("model")
    command("train", "reflect-retry", "run.toml", "--run-dir", "run", "--quiet")
    command("study", "study.toml")
    command("prime", "backtracking", "set.jsonl", "--count", 8, "--options.preset", "tiny")
    command("train", "sft", "sft.toml", "--run-dir", "sft", "--quiet")
    command("train", "reflect-retry", "lucky.toml", "--run-dir", "whole", "--quiet")
    killed("train", "reflect-retry", "lucky.toml", "--run-dir", "interrupted", "--quiet", row=5)


def played():
    shorter = ("--episode.max-attempt-tokens", 48)
    command("failures", "small", "--out", "failures.jsonl", *TINY, *shorter, "--problems", 3, "--tries", 4)
    command("eval", "small", "--out", "eval", *TINY, *shorter, "--problems", 20, "--split", "train", "--controls")
    command("prime", "any", "from_eval.jsonl", "--source.samples", "eval/small_countdown_t1.jsonl", *TINY)
    rows = [{"index": index, "text": text} for index, text in enumerate(TEXTS)]
    Path("texts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with serving(judge) as server:
        judging = ("--detector", "judge", "--judge-model", "judge", "--endpoint", server.url, "--yes")
        printed("judged.jsonl", "habits", "texts.jsonl", *judging, "--answers", "answers.jsonl")


def printed(name, *words):
    Path("printed").mkdir(exist_ok=True)
    Path("printed", name).write_text(command(*words))


def shown():
    """What commands print of these files and settings."""
    printed("runs_list.json", "runs", "list", ".", "--json")
    for name in ("run", "sft", "interrupted"):
        printed(f"show_{name}.json", "runs", "show", name, "--json")
    printed("habits_run.json", "habits", "run", "--json")
    printed("habits_study.json", "habits", "study/primed/seed_0", "--detector", "functional", "--json")
    for file in sorted(Path("settings").glob("*.toml")):
        kind = file.stem if file.stem != "defaults" else "reflect-retry"
        words = ("study",) if kind == "study" else ("train", "sft" if kind.startswith("sft") else kind)
        printed(f"settings_{file.stem}.json", *words, file, "--dry-run")


def offered():
    """Public names, and the commands with the options that each one's help names."""
    commands = re.findall(r"^  ([a-z]+(?: [a-z-]+)?)  ", command(), flags=re.MULTILINE)
    found = {name: sorted(set(re.findall(r"--[a-z][a-z0-9.-]*[a-z0-9]", helped(name)))) for name in commands}
    Path("printed/public.json").write_text(json.dumps(sorted(secondthought.__all__), indent=1) + "\n")
    rows = ",\n".join(f" {json.dumps(name)}: {json.dumps(options)}" for name, options in found.items())
    Path("printed/commands.json").write_text(f"{{\n{rows}\n}}\n")


def helped(name):
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        main([*name.split(), "--help"])
    return out.getvalue()


def without_weights():
    """Leave what tests read: no weights but of the run that goes on, no pages, no paths of this machine."""
    for path in sorted(Path().rglob("*")):
        is_kept = path.parts[0] in ("interrupted", "model")
        if path.name == "report.html" or (path.name.endswith(LEFT_OUT) and not is_kept):
            path.unlink()
        elif path.name == "lock.json":
            path.write_text("")
        elif path.name == "environment.json":
            about = json.loads(path.read_text())
            about["command"] = re.sub(r"/\S*/", "", about["command"])
            path.write_text(json.dumps({**about, "platform": "Linux"}, indent=2) + "\n")
    shutil.rmtree("whole/checkpoints")
    for directory in sorted((path for path in Path().rglob("*") if path.is_dir()), reverse=True):
        if not list(directory.iterdir()):
            directory.rmdir()


if __name__ == "__main__":
    os.chdir(HERE)
    for name in MADE:
        shutil.rmtree(name, ignore_errors=True)
        Path(name).unlink(missing_ok=True)
    sys.argv = ["secondthought"]
    trained()
    played()
    without_weights()
    shown()
    offered()
    Path("printed/platform.json").write_text(json.dumps(this_platform(), indent=1) + "\n")
