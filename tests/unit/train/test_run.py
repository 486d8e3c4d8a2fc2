"""What a run chooses: the best or the last checkpoint, by which number, and under which keys."""

import pytest
import torch
from small_runs import NO_CONTROLS, small_config

from secondthought.evaluate import before_after
from secondthought.models.digest import digest_of_weights
from secondthought.runs import RunDirectory
from secondthought.train import loop as loop_module
from secondthought.train.loop import score
from secondthought.train.run import execute

SCORES = {0: 0.2, 2: 0.6, 4: 0.6, 6: 0.4}
"""Of each validated step: the best comes in the middle, and once more as good."""
BEST, LAST = 2, 6


class Watched:
    """A whole run whose validations score as `SCORES`, and what it did on the way."""

    def __init__(self, config, patch):
        self.config, self.keys, self.weights, self.measured = config, [], {}, []
        self._watch(patch)
        self.summary = execute(config, quiet=True)

    def _watch(self, patch):
        steps = iter(SCORES)
        patch.setattr(loop_module, "score", lambda measured: SCORES[self._step])
        measured, credit = loop_module.Loop._measured, loop_module.credit
        measure, save = before_after.final.measure, loop_module.Loop._save

        def validated(loop, progress):
            self._step = next(steps)
            assert progress.step == self._step
            return measured(loop, progress)

        def credited(groups, algorithm, *, key):
            self.keys.append(key)
            return credit(groups, algorithm, key=key)

        def measuring(player, *rest):
            self.measured.append(digest_of_weights(player.policy.policy.model))
            return measure(player, *rest)

        def saved(loop, progress, improved):
            self.weights[progress.step] = digest_of_weights(loop.player.policy.model)
            save(loop, progress, improved)

        patch.setattr(loop_module.Loop, "_measured", validated)
        patch.setattr(loop_module.Loop, "_save", saved)
        patch.setattr(loop_module, "credit", credited)
        patch.setattr(before_after.final, "measure", measuring)


@pytest.fixture(scope="module")
def watched(tmp_path_factory, checkpoints):
    """One run that evaluates its best checkpoint, and one of another seed that evaluates its last."""
    root = tmp_path_factory.mktemp("watched")
    settings = {"train": {"self_checks": False, "checkpoint_every": 100}}
    found = {}
    for seed, which in enumerate(("best", "last")):
        config = small_config(
            root / which,
            checkpoints / "qwen2",
            seed=seed,
            evaluation={**NO_CONTROLS, "checkpoint": which},
            **settings,
        )
        with pytest.MonkeyPatch.context() as patch:
            found[which] = Watched(config, patch)
    return found


@pytest.mark.parametrize(("which", "step"), [("best", BEST), ("last", LAST)])
def test_the_final_evaluation_is_of_the_checkpoint_that_was_asked_for(watched, which, step):
    run = watched[which]
    before, after = run.measured
    assert len(set(run.weights.values())) == len(run.weights) >= 3
    assert before == run.weights[0]
    assert after == run.weights[step]


def test_the_first_of_equally_good_steps_is_the_best_and_is_kept(watched):
    run = watched["best"]
    checkpoints = RunDirectory.open(run.config.run_dir).checkpoints
    assert run.summary["best_step"] == BEST
    assert checkpoints.pointer("best")["step"] == BEST
    assert checkpoints.pointer("best")["second_try"] == SCORES[BEST]
    assert checkpoints.pointer("last")["step"] == LAST
    assert checkpoints.steps() == [BEST, LAST]


def test_no_two_steps_and_no_two_seeds_permute_by_one_key(watched):
    keys = [key for run in watched.values() for key in run.keys]
    assert len(keys) == 12
    assert len(set(keys)) == 12


def test_the_best_is_best_at_the_second_try():
    assert score({"eval/second_try": 0.3, "eval/first_try": 0.9, "eval/rescue": 0.8}) == 0.3
    assert score({"eval/first_try": 0.9}) == 0.9
    with pytest.raises(KeyError):
        score({"eval/rescue": 0.5})


def test_a_score_that_is_not_defined_is_never_the_best():
    progress = loop_module.Progress()
    assert not float("nan") > progress.best_score
    assert torch.tensor(float("-inf")).item() == progress.best_score
