"""The stage before RL speaks to the model as RL does."""

import pytest

from secondthought.config import ModelConfig
from secondthought.data.priming.from_search import traces
from secondthought.errors import TaskError
from secondthought.study.priming_job import PrimingStage, TracesConfig
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
