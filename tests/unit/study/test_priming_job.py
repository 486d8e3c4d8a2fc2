"""The stage before RL speaks to the model as RL does."""

import pytest

from secondthought.config import ModelConfig
from secondthought.data.priming.from_search import traces
from secondthought.study.priming_job import PrimingStage, TracesConfig
from secondthought.tasks.countdown import Countdown


@pytest.mark.parametrize("options", [{}, {"preset": "tinyzero"}, {"preset": "four"}, {"answer_format": "think"}])
def test_prompts_are_those_of_rl(options):
    asked = TracesConfig(arm="direct", count=2, options=options)
    task = Countdown(**options)
    for trace in traces(asked.request()):
        assert trace.problem.messages == task.parse(dict(trace.problem.data)).messages


def test_the_base_is_loaded_as_rl_loads_it_without_its_adapters(tmp_path):
    model = {"path": "base", "precision": "bf16", "trust_remote_code": True, "lora": {"rank": 4}}
    stage = PrimingStage.of(tmp_path, {"arm": "direct"}, {}, base=ModelConfig.model_validate(model))
    assert stage.sft.model.path == "base"
    assert (stage.sft.model.precision, stage.sft.model.trust_remote_code) == ("bf16", True)
    assert stage.sft.model.lora.rank == 0
    own = {"model": {"precision": "fp32"}}
    stage = PrimingStage.of(tmp_path, {"arm": "direct"}, own, base=ModelConfig.model_validate(model))
    assert stage.sft.model.precision == "fp32"
