"""A run with a token budget ends at the first step that reaches it, and every sampled token counts."""

import pytest
from small_runs import small_config

from secondthought.inference.local import LocalPolicy
from secondthought.runs.recorder import read_metrics
from secondthought.train.curriculum import Curriculum
from secondthought.train.run import execute


@pytest.mark.parametrize("algorithm", [{"retries": 2}, {"type": "grpo"}])
def test_ends_at_the_first_step_that_reaches_it(tmp_path, checkpoints, monkeypatch, algorithm):
    drawn, playing = [0], [False]
    groups, completion = Curriculum.groups, LocalPolicy.completion

    def counted_groups(self, step):
        playing[0] = True
        played = groups(self, step)
        playing[0] = False
        return played

    def counted(self, row):
        drawn[0] += len(row.token_ids) * playing[0]
        return completion(self, row)

    monkeypatch.setattr(Curriculum, "groups", counted_groups)
    monkeypatch.setattr(LocalPolicy, "completion", counted)
    training = {"steps": 1000, "max_sampled_tokens": 150, "eval_every": 1000}
    settings = {"algorithm": algorithm, "train": training, "evaluation": {"controls": False}}
    summary = execute(small_config(tmp_path / "run", checkpoints / "qwen2", **settings), quiet=True)
    counts = [row["tokens/sampled"] for row in read_metrics(tmp_path / "run/metrics.jsonl")[1:]]
    assert counts[-1] == summary["tokens_sampled"] == drawn[0] >= 150
    assert all(count < 150 for count in counts[:-1])
