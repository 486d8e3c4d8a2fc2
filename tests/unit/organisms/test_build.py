"""Building a model: the right loss, the same model from the same seed, an ordinary checkpoint at the end."""

import math

import pytest
import torch
from torch.nn import functional

from secondthought.errors import ConfigError
from secondthought.inference.local import LocalPolicy
from secondthought.organisms import batches
from secondthought.organisms.batches import Batch
from secondthought.organisms.build import build, learning_rate, loss, new_model
from secondthought.organisms.recipe import RECIPES, recipe
from secondthought.organisms.tokenizer import build_tokenizer
from secondthought.types import Message, Prompt, Sampling

TOKENIZER = build_tokenizer()


@pytest.fixture(autouse=True)
def few_transcripts(monkeypatch):
    """Draw as many at once as the few steps need: the thousands of a whole build take longer than they do."""
    monkeypatch.setattr(batches, "_POOL_BATCHES", 4)


def weights(path):
    return LocalPolicy.load(path, device="cpu").model.state_dict()


def test_loss_is_the_mean_over_learned_tokens_and_ignores_padding():
    model = new_model(recipe("small"), TOKENIZER, seed=0)
    ids = torch.tensor([[5, 6, 7, 8], [9, 10, 0, 0]])
    labels = torch.tensor([[-100, 6, -100, 8], [-100, 10, -100, -100]])
    got = loss(model, Batch(ids, labels), "fp32")
    terms = []
    for row, wanted in ((ids[0], (1, 3)), (ids[1, :2], (1,))):
        logits = model(row[None]).logits[0]
        terms += [functional.cross_entropy(logits[t - 1], row[t]) for t in wanted]
    assert got.item() == pytest.approx(torch.stack(terms).mean().item(), rel=1e-5)


def test_two_builds_from_one_seed_are_equal_and_from_two_are_not(tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        build("small", tmp_path / name, steps=2, seed=seed, precision="fp32")
    a, b, c = (weights(tmp_path / name) for name in "abc")
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not all(torch.equal(a[name], c[name]) for name in a)


def test_a_build_learns_reports_and_leaves_an_ordinary_checkpoint(tmp_path):
    seen = []
    report = build("small", tmp_path / "out", steps=20, report_every=10, progress=seen.append)
    assert [item.step for item in seen] == [10, 20]
    assert seen[0].loss > seen[1].loss == report.final_loss
    assert report.num_parameters < 600_000
    policy = LocalPolicy.load(report.path, device="cpu")
    prompt = Prompt(trunk=policy.start([Message(role="user", content="Hello")]), key=1)
    assert policy.sample([prompt], Sampling(max_tokens=3))[0].token_ids
    assert all(file.stat().st_mode & 0o044 == 0o044 for file in report.path.iterdir())


def test_no_global_random_state_is_touched(tmp_path):
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    build("small", tmp_path / "out", steps=1)
    assert torch.equal(torch.rand(1), expected)


def test_the_rate_warms_up_and_falls_to_a_fiftieth():
    chosen = recipe("small")
    rates = [learning_rate(chosen, step, 1000) for step in range(1, 1001)]
    assert rates[0] == pytest.approx(chosen.lr / chosen.warmup_steps)
    assert max(rates) == rates[chosen.warmup_steps - 1] == chosen.lr
    assert rates[-1] == pytest.approx(chosen.lr / 50)
    assert all(math.isfinite(rate) for rate in rates)


def test_sizes_are_about_ten_times_apart():
    sizes = {name: sum(p.numel() for p in new_model(recipe(name), TOKENIZER, seed=0).parameters()) for name in RECIPES}
    assert 8 < sizes["large"] / sizes["small"] < 12


def test_an_unknown_size_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="no organism 'huge'; known: small, large"):
        build("huge", tmp_path)


def test_a_build_that_is_stopped_leaves_nothing_that_passes_for_whole(tmp_path):
    def stop(now):
        if now.step == 3:
            raise KeyboardInterrupt

    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        build("small", out, steps=4, report_every=1, save_every=2, progress=stop)
    assert not out.exists()
    assert (tmp_path / "out.unfinished" / "model.safetensors").exists()
    build("small", out, steps=4, save_every=2)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
