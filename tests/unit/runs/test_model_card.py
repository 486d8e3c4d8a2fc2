"""A model card holds what was measured and from what the model was made, and no place of the machine that trained."""

import json

import pytest
import yaml

from secondthought.runs import model_card
from secondthought.runs.model_card import card

RATE = {"estimate": 0.25, "low": 0.2, "high": 0.3}
SUMMARY = {
    "arm": "reflect-retry",
    "seed": 3,
    "model": "Qwen/Qwen2.5-0.5B-Instruct",
    "steps": 7,
    "best_step": 5,
    "before": {"t1.0": {"second_try": RATE}},
    "after": {"t1.0": {"second_try": {"estimate": 0.5, "low": 0.4, "high": 0.6}}},
    "paired": {"t1.0": {"second_try": {"estimate": 0.25, "low": 0.1, "high": 0.4, "p": 0.004}}},
}
CONFIG = {"run_dir": "/home/me/runs/x", "seed": 3, "task": {"name": "countdown"}, "model": {"path": SUMMARY["model"]}}


def front_matter(text):
    return yaml.safe_load(text.split("---\n")[1])


def test_the_table_has_its_intervals_and_the_corrected_p():
    assert (
        "| second try, temperature 1.0 | 25.0 [20.0, 30.0] | 50.0 [40.0, 60.0] | +25.0 [+10.0, +40.0] | 0.004 |"
        in card(SUMMARY, CONFIG)
    )


def test_a_hub_reads_its_front_matter():
    assert front_matter(card(SUMMARY, CONFIG)) == {
        "base_model": "Qwen/Qwen2.5-0.5B-Instruct",
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["secondthought", "reflect-retry"],
    }


def test_a_base_in_a_directory_is_called_by_its_name_alone(tmp_path):
    model = tmp_path / "my base"
    model.mkdir()
    config = {**CONFIG, "model": {"path": str(model), "lora": {"rank": 8}}, "evaluation": {"cache": "/home/me/cache"}}
    text = card({**SUMMARY, "model": str(model)}, config)
    assert str(tmp_path) not in text
    assert "/home/me" not in text
    assert "# my base, trained by reflect-retry" in text
    assert "base_model" not in front_matter(text)
    assert front_matter(text)["library_name"] == "peft"


@pytest.mark.parametrize(("best", "said"), [(0, True), (5, False)])
def test_an_after_that_is_the_untrained_model_is_said(best, said):
    assert ("No step was better than the untrained model" in card({**SUMMARY, "best_step": best}, CONFIG)) is said


def test_a_fine_tuning_has_its_losses():
    summary = {
        "arm": "sft",
        "model": "m",
        "steps": 2,
        "seed": 0,
        "loss": 1.5,
        "eval_loss_before": 2.0,
        "eval_loss_after": 1.0,
    }
    assert "Loss on held-out examples: 2 before, 1 after." in card(summary, {"task": None})
    unheld = {**summary, "eval_loss_before": None, "eval_loss_after": None}
    assert "at the end: 1.5. None were held out." in card(unheld, {})


def test_it_is_written_beside_the_weights(tmp_path):
    model_card.write(tmp_path, SUMMARY, CONFIG)
    text = (tmp_path / "README.md").read_text("utf-8")
    assert json.loads(text.split("```json\n")[1].split("```")[0])["seed"] == 3
