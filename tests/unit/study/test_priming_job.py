"""The stage before RL speaks to the model as RL does."""

import json

import pytest

from secondthought.config import ModelConfig
from secondthought.data.priming.from_search import traces
from secondthought.errors import RunError, TaskError
from secondthought.study import priming_job
from secondthought.study.priming_job import PrimingStage, TracesConfig
from secondthought.study.priming_job import prime as prime_with
from secondthought.tasks.countdown import Countdown


@pytest.mark.parametrize("options", [{}, {"preset": "tinyzero"}, {"preset": "four"}, {"answer_format": "think"}])
def test_prompts_are_those_of_rl(options):
    asked = TracesConfig(arm="direct", count=2, options=options)
    task = Countdown(**options)
    for trace in traces(asked.request()):
        assert trace.problem.messages == task.parse(dict(trace.problem.data)).messages


def test_the_task_is_written_down_where_it_is_not_countdown():
    assert "task" not in TracesConfig(arm="direct").model_dump(mode="json")
    asked = TracesConfig(arm="direct", task="arithmetic")
    assert TracesConfig.model_validate(asked.model_dump(mode="json")) == asked
    with pytest.raises(TaskError, match="task arithmetic: search cannot write its priming sets"):
        next(traces(asked.request()))


def test_the_base_is_loaded_as_rl_loads_it_without_its_adapters(tmp_path):
    model = {"path": "base", "precision": "bf16", "trust_remote_code": True, "lora": {"rank": 4}}
    stage = PrimingStage.of(tmp_path, {"arm": "direct"}, {}, base=ModelConfig.model_validate(model))
    assert stage.sft.model.path == "base"
    assert (stage.sft.model.precision, stage.sft.model.trust_remote_code) == ("bf16", True)
    assert stage.sft.model.lora.rank == 0
    own = {"model": {"precision": "fp32"}}
    stage = PrimingStage.of(tmp_path, {"arm": "direct"}, own, base=ModelConfig.model_validate(model))
    assert stage.sft.model.precision == "fp32"


def test_a_set_is_reused_while_it_and_the_file_that_it_was_made_of_are_the_same(tmp_path, monkeypatch):
    source = tmp_path / "traces.jsonl"
    source.write_text('{"prompt": "1?", "completion": "2"}\n' * 3)
    monkeypatch.setattr(priming_job, "train_sft", lambda *args, **how: None)
    monkeypatch.setattr(priming_job, "model_of", lambda run: run)
    base = ModelConfig(path="base")

    def prime(count=2):
        prime_with(
            PrimingStage.of(tmp_path / "primed", {"arm": "mine", "file": str(source), "count": count}, {}, base=base)
        )

    prime()
    made = (tmp_path / "primed" / "set.jsonl").read_bytes()
    prime()
    with pytest.raises(RunError, match="was made with other settings"):
        prime(count=3)
    source.write_text(source.read_text().replace("2", "3"))
    with pytest.raises(RunError, match=r"set.jsonl: file changed since it was made; move it away"):
        prime()
    source.unlink()  # the set is there
    prime()
    (tmp_path / "primed" / "set.jsonl").write_bytes(made[:-9])
    with pytest.raises(RunError, match=r"set.jsonl changed since it was made"):
        prime()
    settings = tmp_path / "primed" / "set.jsonl.json"
    about = json.loads(settings.read_text())
    assert about.pop("contents")
    settings.write_text(json.dumps(about))  # as an earlier version wrote it
    prime()
