"""What each command prints; training itself is tested elsewhere."""

import json
import re

import pytest
from misbehaving_server import serving

from secondthought.config import RunConfig
from secondthought.inference.scripted import ScriptedPolicy
from secondthought.runs import RunDirectory
from secondthought.tasks import TASKS

OWN_TASK = """
from secondthought.tasks.arithmetic import Arithmetic

class Mine(Arithmetic):
    "Sums, mine."

class Bad(Arithmetic):
    def gold(self, problem):
        return "<answer> no </answer>"

class Leaky(Arithmetic):
    def problems(self, split, count, seed):
        return super().problems("train", count, seed)

class Raises(Arithmetic):
    def verify(self, problem, text):
        return super().verify(problem, text) if len(text) < 100 else 1 / 0
"""


@pytest.fixture
def own_task(tmp_path, monkeypatch):
    """A directory with `my_own_task.py`, as the current one."""
    (tmp_path / "my_own_task.py").write_text(OWN_TASK)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run_dir(tmp_path):
    """A small finished run."""
    path = tmp_path / "runs/one"
    with RunDirectory.create(path) as run:
        run.write_config(RunConfig(run_dir=path).model_dump(mode="json"))
        run.write_summary("finished", {"arm": "reflect-retry", "seed": 0})
    return path


def test_tasks_list(cli):
    names = [item["name"] for item in cli("tasks", "list", "--json").object["tasks"]]
    assert names == list(TASKS)
    assert names[:3] == ["countdown", "arithmetic", "function_calling"]
    assert "countdown" in cli("tasks", "list").out


def test_tasks_show(cli):
    found = cli("tasks", "show", "countdown", "--json").object
    assert {"num_numbers", "max_target"} <= {item["name"] for item in found["options"]}
    assert 0 < found["chance_level"] < 0.05
    assert "num_numbers" in cli("tasks", "show", "countdown").out


def test_tasks_sample(cli):
    words = ["tasks", "sample", "countdown", "--split", "test", "--count", "2", "--options.num-numbers", "3"]
    found = cli(*words, "--json").object["problems"]
    assert len(found) == 2
    assert all(len(item["data"]["numbers"]) == 3 for item in found)
    assert found == cli(*words, "--json").object["problems"] != cli(*words, "--json", "--seed", "1").object["problems"]
    assert found[0]["gold"] in cli(*words).out


def test_tasks_sample_shows_the_tools_that_a_problem_brings(cli):
    words = ["tasks", "sample", "function_calling", "--count", "1"]
    tools = cli(*words, "--json").object["problems"][0]["tools"]
    assert tools
    assert [f"tool: {json.dumps(tool)}" in cli(*words).out for tool in tools] == [True] * len(tools)
    assert cli("tasks", "sample", "countdown", "--count", "1", "--json").object["problems"][0]["tools"] == []


def test_tasks_sample_asks_too_much(cli, one_sentence):
    words = ["tasks", "sample", "arithmetic", "--count", "100", "--options.max-number", "3"]
    assert "train split holds" in one_sentence(cli(*words), 1)


@pytest.mark.parametrize("name", ["countdown", "arithmetic", "my_own_task:Mine"])
def test_tasks_check_passes(cli, own_task, name):
    result = cli("tasks", "check", name, "--count", "10", "--json")
    assert result.code == 0, result
    assert result.object["passed"]
    assert {item["status"] for item in result.object["checks"]} == {"passed"}


@pytest.mark.parametrize(
    ("name", "check"), [("Bad", "gold accepted"), ("Leaky", "splits apart"), ("Raises", "any text judged")]
)
def test_tasks_check_finds_what_is_wrong(cli, own_task, name, check):
    result = cli("tasks", "check", f"my_own_task:{name}", "--count", "10", "--json")
    assert result.code == 1
    assert [item["check"] for item in result.object["checks"] if item["status"] == "failed"] == [check]


def test_tasks_check_of_a_question_file(cli, tmp_path):
    file = tmp_path / "questions.jsonl"
    rows = [{"question": f"What is {n} + 1?", "answer": n + 1} for n in range(60)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = cli("tasks", "check", file, "--json")
    assert result.code == 0, result
    file.write_text("{broken\n")
    assert "line 1" in cli("tasks", "check", file).err


def test_own_task_from_the_console(process, own_task):
    assert process("tasks", "show", "my_own_task:Mine", "--json", cwd=own_task).object["help"] == "Sums, mine."


def test_a_module_that_cannot_be_run(cli, own_task, one_sentence):
    (own_task / "broken_module.py").write_text("def f(:\n")
    assert "SyntaxError" in one_sentence(cli("tasks", "show", "broken_module:X"), 1)


def test_runs(cli, run_dir):
    assert cli("runs", "list", run_dir.parent, "--json").object["runs"][0]["status"] == "finished"
    assert "finished" in cli("runs", "list", run_dir.parent).out
    assert cli("runs", "show", run_dir, "--json").object["summary"]["arm"] == "reflect-retry"
    assert "algorithm.type" in cli("runs", "show", run_dir, "--all").out
    shown = cli("runs", "show", run_dir).out
    assert "algorithm.type" not in shown
    assert re.search(r"reflect-retry on \w+, model \S+, seed 0; ", shown)


def test_runs_that_are_not_there(cli, tmp_path, one_sentence):
    assert "no such directory" in one_sentence(cli("runs", "list", tmp_path / "x"), 1)
    assert "no such run directory" in one_sentence(cli("runs", "show", tmp_path / "x"), 1)
    assert cli("runs", "list", tmp_path, "--json").object == {"runs": []}
    assert "no runs" in cli("runs", "list", tmp_path).out


def test_report(cli, run_dir, tmp_path, one_sentence):
    out = tmp_path / "page.html"
    assert cli("report", run_dir, "--out", out, "--json").object["report"] == str(out)
    assert "<html" in out.read_text()
    assert cli("report", run_dir).out.strip() == str(run_dir / "report.html")
    assert "name at least one run" in one_sentence(cli("report"), 2)
    assert "is a directory; give --out a file" in one_sentence(cli("report", run_dir, "--out", tmp_path), 2)


def test_eval(cli, tmp_path):
    out = tmp_path / "evaluation"
    words = [
        "eval",
        "scripted",
        "--problems",
        "30",
        "--options.preset",
        "tiny",
        "--controls",
        "--temperature",
        "1",
        "0",
    ]
    found = cli(*words, "--json", "--out", out).object
    assert [item["temperature"] for item in found["results"]] == [1.0, 0.0]
    rates = found["results"][0]["rates"]
    assert rates["pass@1"]["n"] == 30
    assert rates["pass@1"]["estimate"] <= rates["second_try"]["estimate"]
    assert found["results"][0]["controls"]["oracle"]["estimate"] > 0.5
    assert found["differences"] == []
    assert json.loads((out / "summary.json").read_text())["results"] == found["results"]
    assert len((out / "scripted_countdown_t1.jsonl").read_text().splitlines()) == 30
    text = cli(*words)
    assert "second try" in text.out
    assert "oracle" in text.out
    assert "not written" in text.out


def test_eval_compares_models_on_the_same_problems(cli, monkeypatch):
    from secondthought.inference.scripted import ScriptedPolicy
    from secondthought.tasks.countdown.script import countdown_answers

    def load(config, threads=None, onlooker=None):
        return ScriptedPolicy(countdown_answers(first_try=float(config.path)), name=config.path)

    monkeypatch.setattr("secondthought.cli.loading.load_policy", load)
    words = ["eval", "0.1", "0.9", "--problems", "60", "--options.preset", "tiny"]
    [difference] = cli(*words, "--json").object["differences"]
    assert (difference["after"], difference["before"]) == ("0.9", "0.1")
    assert difference["rates"]["pass@1"]["low"] > 0.3
    assert difference["rates"]["pass@1"]["p"] < 0.001
    assert "0.9 - 0.1" in cli(*words).out


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        ([], 2, "name at least one model"),
        (["a", "a"], 2, "named twice"),
        (["a", "--tasks", "countdown", "arithmetic", "--options.x", "1"], 2, "given for each by its name"),
        (["a", "--temperature", "-1"], 2, "holds -1; a temperature must be 0, or"),
        (["a", "--model.path", "x"], 2, "--model.path"),
        (["a", "--problems", "0"], 2, "problems"),
        (["a", "--key-env", "KEY"], 2, "--key-env goes with a model that is served"),
        (["a", "--ask.time-limit", "9"], 2, "--ask.time-limit goes with a model that is served"),
        (["http://localhost:1/v1"], 2, "http://localhost:1/v1: name the model behind a #"),
        (["http://local host/v1#m"], 2, "is not an http or https URL"),
        (["http://localhost:1/v1#m", "--key-env", "NO_SUCH_KEY"], 2, "NO_SUCH_KEY is not set"),
        (["http://127.0.0.1:9/v1#m", "--ask.attempts", "1"], 1, "nobody answers there"),
    ],
)
def test_eval_misuse(cli, one_sentence, words, code, expected):
    assert expected in one_sentence(cli("eval", *words), code)


@pytest.mark.parametrize("command", ["failures", "diagnose"])
def test_a_served_model_is_measured_only(cli, one_sentence, tmp_path, command):
    words = [command, "http://localhost:1/v1#m", *(["--out", tmp_path / "a"] if command == "failures" else [])]
    assert "`eval` and `forget` alone take a model that is served" in one_sentence(cli(*words), 1)


def test_a_served_model_stands_beside_another(cli):
    with serving(lambda messages: "<answer> 1 + 1 </answer>") as server:
        words = ["scripted", f"{server.url}#big", "--options.preset", "tiny", "--problems", "12"]
        found = cli("eval", *words, "--json").object
        told = cli("forget", "scripted", f"{server.url}#big", "--options.preset", "tiny", "--problems", "12", "--json")
    assert [item["model"] for item in found["results"]] == ["scripted", f"{server.url}#big"]
    assert told.object["after"] == [f"{server.url}#big"]
    assert {request["body"]["model"] for request in server.requests} == {"big"}


def test_eval_keeps_what_is_there(cli, tmp_path, one_sentence):
    (tmp_path / "mine.txt").write_text("")
    assert "already holds files" in one_sentence(cli("eval", "scripted", "--out", tmp_path), 1)


@pytest.fixture
def ctrl_c(monkeypatch):
    """Sets the call of the script's `sample` before which Ctrl-C comes; the list counts what was sampled since."""
    original, sampled, stops = ScriptedPolicy.sample, [], []

    def sample(policy, prompts, sampling):
        if stops and len(sampled) == stops[0]:
            raise KeyboardInterrupt
        sampled.append(len(prompts))
        return original(policy, prompts, sampling)

    def set_to(call):
        sampled.clear()
        stops[:] = [] if call is None else [call]
        return sampled

    monkeypatch.setattr(ScriptedPolicy, "sample", sample)
    return set_to


@pytest.mark.parametrize(
    ("words", "out"),
    [
        (["eval", "scripted", "--controls", "--problems", "30", "--options.preset", "tiny"], "out"),
        (["failures", "scripted", "--tries", "3", "--problems", "30", "--options.preset", "tiny"], "failures.jsonl"),
    ],
)
def test_the_same_command_goes_on_after_ctrl_c(cli, tmp_path, one_sentence, ctrl_c, words, out):
    whole = ctrl_c(None)
    cli(*words, "--out", tmp_path / "whole" / out)
    number = sum(whole)
    ctrl_c(2)
    assert "the same command goes on" in one_sentence(cli(*words, "--out", tmp_path / out), 130)
    rest = ctrl_c(None)
    cli(*words, "--out", tmp_path / out)
    assert 0 < sum(rest) < number
    assert files_below(tmp_path / out) == files_below(tmp_path / "whole" / out)
    assert not list(tmp_path.rglob("*.samples"))


def files_below(path):
    """The contents of a file, or of the files of a directory, without the name of the directory."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return {file.name: file.read_text().replace(str(path), "OUT") for file in files}


def test_stored_failures_are_looked_for_before_a_model_is_loaded(cli, tmp_path, one_sentence):
    words = ["failures", "no-such-model", "--probe", "2", "--stored", tmp_path / "gone.jsonl", "--out", tmp_path / "a"]
    assert "gone.jsonl: no such file" in one_sentence(cli(*words), 1)


def test_failures(cli, tmp_path, one_sentence):
    from secondthought.inference.scripted import ScriptedPolicy
    from secondthought.rollout import failure_file as failures
    from secondthought.tasks import load

    out = tmp_path / "failures.jsonl"
    words = ["failures", "scripted", "--out", out, "--problems", "300", "--tries", "3", "--options.preset", "tiny"]
    found = cli(*words, "--json").object
    rows = failures.read(out, load("countdown", {"preset": "tiny"}), ScriptedPolicy([]))
    assert len(rows) == found["num_failures"] > 200
    assert rows[0].provenance["policy"] == "scripted"
    assert rows[0].provenance["split"] == "train"
    assert "exists already" in one_sentence(cli(*words), 1)
    before = out.read_text()
    assert cli(*words, "--overwrite").code == 0
    assert out.read_text() == before


def test_right_answers_are_written_for_fine_tuning(cli, tmp_path, one_sentence):
    out = tmp_path / "gold.jsonl"
    assert "40 right answers" in cli("tasks", "sample", "arithmetic", "--count", "40", "--out", out).out
    found = cli("score", "arithmetic", out, "--json").rows
    assert found[-1]["summary"]["correct"] == 40
    assert "exists already" in one_sentence(cli("tasks", "sample", "arithmetic", "--out", out), 1)


def test_failures_are_probed_and_filtered(cli, tmp_path, one_sentence):
    out, again = tmp_path / "failures.jsonl", tmp_path / "again.jsonl"
    words = ["failures", "scripted", "--problems", "40", "--tries", "2", "--options.preset", "tiny", "--probe", "4"]
    found = cli(*words, "--out", out, "--json").object
    kept = [json.loads(line)["provenance"]["probe"] for line in out.read_text().splitlines()]
    assert len(kept) == found["num_kept"] > 0
    assert all(0 < item["rescued"] < item["reflections"] == 4 for item in kept)
    assert found["num_kept"] == sum(number for count, number in found["rescued"].items() if 0 < int(count) < 4)
    every = cli(*words, "--out", out, "--probe-keep", "all", "--overwrite", "--json").object
    assert every["num_kept"] == every["num_failures"] == found["num_failures"] > found["num_kept"]
    assert found["probes"] == str(tmp_path / "failures.probes.jsonl")
    stored = cli(*words, "--stored", out, "--out", again, "--json").object
    assert (stored["num_kept"], stored["num_tries"]) == (found["num_kept"], 0)
    said = cli(*words, "--stored", out, "--out", again, "--overwrite").out
    assert f"{stored['num_kept']} of {stored['num_failures']} probed failures kept (mixed)" in said
    for idle in (["--probe-keep", "any"], ["--stored", out], ["--episode.reflection-request", "Why?"]):
        refused = cli("failures", "scripted", "--out", tmp_path / "no.jsonl", *idle)
        assert f"{idle[0]} goes with --probe" in one_sentence(refused, 2)


def test_train_dry_run_is_the_config(cli, tmp_path):
    file = tmp_path / "c.toml"
    file.write_text('[algorithm]\ntype = "reflect-retry"\nkl_ref = 0.5\n[task.options]\npreset = "tiny"\n')
    words = ["train", "grpo", file, "--model", "small", "--optim.lr", "1e-5", "--task.options.order=mixed", "--dry-run"]
    config = RunConfig.model_validate(cli(*words).object)
    assert (config.algorithm.type, config.algorithm.kl_ref) == ("grpo", 0.5)
    assert (config.model.path, config.optim.lr) == ("small", 1e-5)
    assert config.task.options == {"preset": "tiny", "order": "mixed"}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["grpo", "--algorithm.credit", "all"], "credit has no use with grpo: it applies to reflect-retry only"),
        (["grpo", "--algorithm.type", "grpo"], "--algorithm.type"),
        (["reflect-retry", "--resume", "--overwrite"], "give one of them"),
        (["reflect-retry", "--optim.lrr", "1"], "did you mean --optim.lr?"),
    ],
)
def test_train_misuse(cli, one_sentence, words, expected):
    assert expected in one_sentence(cli("train", *words), 2)


def test_train_passes_everything_on(cli, monkeypatch, tmp_path):
    calls = []

    def execute(config, **options):
        calls.append((config, options))
        return {"status": "finished", "paired": {}}

    monkeypatch.setattr("secondthought.train.run.execute", execute)
    run_dir = tmp_path / "r"
    result = cli("train", "retry-only", "--run-dir", run_dir, "--resume", "--quiet", "--json")
    assert result.object == {"run_dir": str(run_dir), "status": "finished", "paired": {}}
    [(config, options)] = calls
    assert config.algorithm.type == "retry-only"
    assert (options["resume"], options["overwrite"], options["quiet"]) == (True, False, True)
    assert options["command"][:3] == ["secondthought", "train", "retry-only"]


def test_an_origin_by_hand_is_declared_and_no_setting(cli, monkeypatch, tmp_path, one_sentence):
    """Files and flags of earlier versions hold it as if it were a setting."""
    declared = []
    monkeypatch.setattr(
        "secondthought.train.run.execute",
        lambda config, **how: declared.append(how["declared"]) or {"status": "finished", "paired": {}},
    )
    file = tmp_path / "c.toml"
    file.write_text('[origin]\nbase = "terse"\ndose = 0.1\n')
    assert cli("train", "grpo", file, "--origin.priming", "direct", "--quiet").code == 0
    assert cli("train", "grpo", "--quiet").code == 0
    assert [one and one.model_dump() for one in declared] == [{"base": "terse", "priming": "direct", "dose": 0.1}, None]
    assert "origin" not in cli("train", "grpo", file, "--dry-run").object
    assert cli("plan", file, "--json").object["kind"] == "run"
    assert "did you mean 'base'" in one_sentence(cli("train", "grpo", _written(file, '[origin]\nbse = "x"\n')), 2)


def _written(path, text):
    path.write_text(text)
    return path


def test_train_prints_before_and_after(cli, monkeypatch):
    def rate(estimate):
        return {"estimate": estimate, "low": estimate - 0.01, "high": estimate + 0.01, "n": 100}

    summary = {
        "before": {"t1.0": {"first_try": rate(0.2), "second_try": rate(0.3)}},
        "after": {"t1.0": {"first_try": rate(0.2), "second_try": rate(0.45)}},
        "paired": {
            "t1.0": {"first_try": {**rate(0.0), "p": 1.0}, "second_try": {**rate(0.15), "p": 0.001}},
            "stored_rescue": {**rate(0.2), "p": 0.002},
        },
        "stored_rescue": {"before": rate(0.1), "after": rate(0.3)},
    }
    monkeypatch.setattr("secondthought.train.run.execute", lambda config, **options: summary)
    out = " ".join(cli("train", "reflect-retry").out.split())
    for part in ("30.0 [29.0, 31.0]", "45.0 [44.0, 46.0]", "+15.0 [+14.0, +16.0]", "+20.0", "runs/latest"):
        assert part in out


def test_organism_check(cli, process):
    result = cli("organism", "check", "scripted", "--count", "40", "--json")
    assert result.code == 0
    assert result.object["may_ship"]
    assert "oracle minus shuffled" in cli("organism", "check", "scripted", "--count", "40").out


@pytest.mark.parametrize(
    "words", [["eval", "scripted"], ["failures", "scripted", "--out", "x"], ["organism", "check", "scripted"]]
)
def test_commands_that_train_nothing_offer_no_adapter(cli, one_sentence, words):
    page = cli(*words, "--help").out
    assert "--model.precision" in page
    assert "lora" not in page
    assert "--model.lora.rank" in one_sentence(cli(*words, "--model.lora.rank", "4"), 2)


def test_a_model_that_is_not_there(cli, one_sentence):
    assert "no checkpoint here" in one_sentence(cli("eval", "./nowhere", "--problems", "2"), 1)


def test_study_dry_run(cli, tmp_path, one_sentence):
    file = tmp_path / "study.toml"
    file.write_text('out = "runs/s"\n[arms.real]\nseeds = [0, 1]\n')
    assert cli("study", file, "--dry-run").object["arms"]["real"]["seeds"] == [0, 1]
    file.write_text('out = "runs/s"\n[armss.real]\n')
    assert "armss" in one_sentence(cli("study", file, "--dry-run"), 2)


def test_bench(cli):
    assert cli("bench", "solve", "--problems", "3", "--json").object["settings"]["problems"] == 3
    assert "decide_ms_median" in cli("bench", "solve", "--problems", "3").out


@pytest.mark.parametrize("name", ["verify", "solve", "habits", "update", "sample", "step", "processes", "memory"])
def test_bench_offers_every_option_with_its_default(name):
    import dataclasses
    import importlib
    import inspect

    modules = {"habits": "detect"}
    from secondthought.bench.step import StepSettings
    from secondthought.cli.commands.bench import compare as bench
    from secondthought.cli.commands.bench import memory as bench_memory

    kind = bench_memory.Options if name == "memory" else getattr(bench, f"{name.title()}Options")
    parameters = inspect.signature(
        importlib.import_module(f"secondthought.bench.{modules.get(name, name)}").run
    ).parameters.values()
    expected = {item.name: item.default for item in parameters if item.kind is item.KEYWORD_ONLY}
    if any(item.kind is item.VAR_KEYWORD for item in parameters):
        expected |= {field.name: field.default for field in dataclasses.fields(StepSettings)}
    assert {field: info.default for field, info in kind.model_fields.items() if field != "json_"} == expected
