"""The side before training is shared by runs that would measure the same, and by no others."""

import importlib
import json
import sys

import pytest
import torch
from many_writers import at_once
from small_runs import NO_CONTROLS, SETTINGS, small_config
from tiny_models import tiny_policy

from secondthought import tasks
from secondthought.config import LoraConfig, overlay, resolve
from secondthought.distributed.world import World
from secondthought.evaluate import cache, final
from secondthought.evaluate.before_after import BeforeAfter
from secondthought.evaluate.summary import METRICS
from secondthought.models import lora
from secondthought.models.digest import digest_of_weights
from secondthought.rollout.player import Player
from secondthought.runs import RunDirectory, contents
from secondthought.stats import wilson

VERIFIER = """
import os
from lucky_task import Lucky
from secondthought.types import Verdict
from strict_rules import LONGEST

class Strict(Lucky):
    def verify(self, problem, text):
        found = super().verify(problem, text)
        strict = len(text) > (2 if "STRICTER" in os.environ else LONGEST)
        return Verdict(correct=found.correct and not strict, reward=float(found.correct and not strict),
                       reason="made", well_formed=True)
"""


@pytest.fixture
def strict(tmp_path, monkeypatch):
    """Write a task of somebody's own with its rules in another module; return a function that imports it anew."""
    monkeypatch.syspath_prepend(tmp_path)

    def load(task=VERIFIER, rules="LONGEST = 99\n"):
        (tmp_path / "strict_task.py").write_text(task)
        (tmp_path / "strict_rules.py").write_text(rules)
        for name in ("strict_task", "strict_rules"):
            monkeypatch.delitem(sys.modules, name, raising=False)
        importlib.invalidate_caches()
        return tasks.load("strict_task:Strict")

    load()
    return load


class Bench:
    """Runs of one cache directory: each `before()` is a run of its own, and says whether it was measured."""

    def __init__(self, path, monkeypatch):
        self.path, self.told, self.measured = path, [], 0
        self.policy = tiny_policy()
        right = final.measure

        def counted(*args):
            self.measured += 1
            return right(*args)

        monkeypatch.setattr(final, "measure", counted)

    def player(self, config, task=None):
        return Player.resolve(self.policy, task or tasks.load(config.task.name), config.episode)

    def config(self, name="run", **changes):
        changes = {"evaluation": {**NO_CONTROLS, "problems": 6, "cache": str(self.path / "cache")}, **changes}
        return small_config(self.path / name, "tiny", **changes)

    def before(self, name, task=None, **changes):
        config = self.config(name, **changes)
        player, number = self.player(config, task), self.measured
        problems = player.task.problems("test", config.evaluation.problems, 0)
        with RunDirectory.create(config.run_dir) as run:
            side = BeforeAfter(config, player, run, problems, self.told.append, World.alone()).before()
        assert side.evaluations["t1.0"].rows
        return self.measured > number

    @property
    def entries(self):
        return [path for path in (self.path / "cache").iterdir() if path.is_dir()]


@pytest.fixture
def bench(tmp_path, monkeypatch):
    return Bench(tmp_path, monkeypatch)


def test_a_second_run_takes_what_the_first_measured(bench):
    assert bench.before("one")
    assert not bench.before("two", seed=5, train={"steps": 9})
    for name in ("before.json", "stored_failures.jsonl", "evaluations/before_t1.0.jsonl"):
        assert (bench.path / "one" / name).read_bytes() == (bench.path / "two" / name).read_bytes()
    assert "is taken from" in bench.told[-1]


def test_a_stricter_verifier_is_measured_anew(bench, strict):
    assert bench.before("one", strict())
    assert not bench.before("two", strict())
    assert bench.before("three", strict(rules="LONGEST = 2\n"))
    assert bench.before("four", strict(task=VERIFIER + "# another wording\n"))


def test_what_no_digest_sees_shows_when_the_texts_are_judged_again(bench, strict, monkeypatch):
    bench.before("one", strict())
    monkeypatch.setenv("STRICTER", "1")
    assert bench.before("two", strict())
    assert any("judges an answer to lucky:" in told and "measured anew" in told for told in bench.told)
    assert not bench.before("three", strict())  # the entry was replaced by what is right today


def change_weights(bench, monkeypatch):
    with torch.no_grad():
        next(bench.policy.model.parameters()).view(-1)[7] += 1e-3


def change_template(bench, monkeypatch):
    bench.policy.chat.tokenizer.chat_template += "{# another #}"


def change_tokenizer(bench, monkeypatch):
    monkeypatch.setattr(type(bench.policy), "fingerprint", lambda self: "another")


def change_the_package(bench, monkeypatch):
    monkeypatch.setattr(contents, "digest_of_package", lambda: "another version")


def change_the_library(bench, monkeypatch):
    monkeypatch.setattr(cache, "machine", lambda names: {"packages": dict.fromkeys(names, "99")})


def change_the_path(bench, monkeypatch):
    bench.policy.unshared_reason = "a reason"


def add_a_metric(bench, monkeypatch):
    monkeypatch.setitem(METRICS, "more", lambda evaluation: wilson(1, 2))


CHANGES = (
    change_weights,
    change_template,
    change_tokenizer,
    change_the_package,
    change_the_library,
    change_the_path,
    add_a_metric,
)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_what_changes_the_numbers_changes_the_key(bench, monkeypatch, change):
    config = bench.config()
    player = bench.player(config)
    problems = player.task.problems("test", 6, 0)
    first = cache.key_of(config, player, problems)
    assert cache.key_of(config, player, problems) == first
    change(bench, monkeypatch)
    assert cache.key_of(config, player, problems) != first


@pytest.mark.parametrize(
    ("changes", "matters"),
    [
        ({"episode": {"max_attempt_tokens": 3}}, True),
        ({"episode": {"repeat_task": True}}, True),
        ({"evaluation": {"temperatures": [0.5]}}, True),
        ({"evaluation": {"problems": 5}}, True),
        ({"evaluation": {"tries": 1}}, True),
        ({"evaluation": {"controls": False}}, True),
        ({"evaluation": {"habits": "patterns"}}, True),
        ({"model": {"path": "tiny", "precision": "bf16"}}, True),
        ({"train": {"share_trunk": False}}, True),
        ({"task": {"seed": 4}}, True),
        ({"evaluation": {"checkpoint": "last"}}, False),
        ({"evaluation": {"cache": "elsewhere"}}, False),
        ({"train": {"steps": 50}}, False),
        ({"seed": 3}, False),
        ({"algorithm": {"group_size": 5}}, False),
        ({"task": {"train_problems": 30}}, True),  # a setting of the task: rather once too often than once too seldom
    ],
    ids=str,
)
def test_settings_of_the_key(bench, changes, matters):
    tables = {"run_dir": str(bench.path / "run"), "model": {"path": "tiny"}}
    plain, other = (resolve(overlay(SETTINGS, {**tables, **more}), source="test") for more in ({}, changes))
    player = bench.player(plain)
    problems = player.task.problems("test", 6, 0)
    first, second = (cache.key_of(config, player, problems) for config in (plain, other))
    assert (first != second) == matters


def test_questions_and_files_that_options_name_are_in_the_key(bench, tmp_path):
    path = tmp_path / "questions.jsonl"
    rows = [{"question": f"What is {n} + 1?", "answer": str(n + 1)} for n in range(400)]

    def key():
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        config = bench.config(task={"name": str(path)})
        task = tasks.load(config.task.name, config.task.options)
        return cache.key_of(config, bench.player(config, task), task.problems("test", 3, 0))

    first = key()
    assert key() == first
    rows[0]["comment"] = "no test question"
    assert key() != first


def test_another_problem_is_in_the_key(bench):
    config = bench.config()
    player = bench.player(config)
    problems = player.task.problems("test", 6, 0)
    other = [*problems[:-1], player.task.problems("test", 7, 0)[-1]]
    assert cache.key_of(config, player, problems) != cache.key_of(config, player, other)


def test_peers_count_by_their_files(bench, tmp_path):
    peer = tmp_path / "peer"
    peer.mkdir()
    (peer / "config.json").write_text("{}")
    (peer / "model.safetensors").write_bytes(b"one")
    config = bench.config(evaluation={"peers": {"large": str(peer)}})
    player = bench.player(config)
    first = cache.key_of(config, player, [])
    (peer / "model.safetensors").write_bytes(b"two")
    assert cache.key_of(config, player, []) != first


def test_an_adapter_that_adds_nothing_yet_is_the_same_for_every_seed():
    digests = set()
    for seed in (0, 1):
        policy = tiny_policy()
        policy.adapter = lora.add(policy.model, LoraConfig(rank=2, seed=seed), base="nowhere")
        digests.add(digest_of_weights(policy.model))
        for name, value in policy.model.named_parameters():
            if "lora_B" in name:
                value.data[0, 0] = 1.0
        digests.add(digest_of_weights(policy.model))
    assert len(digests) == 3


def truncate(entry):
    path = entry / "evaluations" / "before_t1.0.jsonl"
    path.write_text(path.read_text()[:-40])


def delete(entry):
    (entry / "stored_failures.jsonl").unlink()


def half_publish(entry):
    (entry / "entry.json").unlink()


def scribble(entry):
    (entry / "before.json").write_text("{")


def scribble_where_it_says_what_is_whole(entry):
    (entry / "entry.json").write_text('{"files": 3}')


def leave_more(entry):
    (entry / "evaluations" / "after_t1.0.jsonl").write_text("{}\n")


def lack_a_key_and_claim_to_be_whole(entry):
    (entry / "before.json").write_text("{}")
    about = json.loads((entry / "entry.json").read_text())
    (entry / "entry.json").unlink()
    (entry / "entry.json").write_text(json.dumps({**about, "files": contents.digest_of_entry(entry)}))


DAMAGES = (
    truncate,
    delete,
    half_publish,
    scribble,
    scribble_where_it_says_what_is_whole,
    leave_more,
    lack_a_key_and_claim_to_be_whole,
)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_an_entry_that_cannot_be_used_is_measured_anew_and_repaired(bench, damage):
    bench.before("one")
    [entry] = bench.entries
    damage(entry)
    assert bench.before("two")
    assert any(str(entry) in told and "measured anew" in told for told in bench.told)
    assert bench.entries == [entry]
    assert not bench.before("three")
    assert (bench.path / "three" / "before.json").read_bytes() == (bench.path / "one" / "before.json").read_bytes()


def test_many_runs_at_once_leave_one_whole_entry(bench):
    bench.before("one")
    [entry] = bench.entries
    kept = contents.digest_of_entry(entry)
    where, key = bench.path / "many", json.loads((entry / "entry.json").read_text())["key"]
    told = []

    def keep(number):
        cache.SideCache(where, key, told.append).keep(
            bench.path / "one", ("evaluations", "stored_failures.jsonl", "before.json")
        )

    assert at_once(keep) == []
    assert told == []
    [published] = where.iterdir()
    assert contents.digest_of_entry(published) == kept


def test_a_cache_that_cannot_be_used_stops_no_run(bench, monkeypatch):
    (bench.path / "cache").write_text("a file")
    assert bench.before("one")
    assert "is not kept for other runs" in bench.told[-1]
    monkeypatch.setattr(contents, "digest_of_code", lambda *things: None)
    assert bench.before("two")
    assert any("evaluation.cache is not used" in told for told in bench.told)
