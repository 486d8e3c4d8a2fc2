"""inspect_ai's own evaluation plays our tasks, and a second try at any task: with the package where it is installed."""

from __future__ import annotations

import gc

import pytest

inspect_ai = pytest.importorskip("inspect_ai", reason="needs the extra `inspect`")

from inspect_ai.dataset import Sample  # noqa: E402
from inspect_ai.model import ModelOutput, ModelUsage, get_model  # noqa: E402
from inspect_ai.scorer import match  # noqa: E402

from secondthought.bridges.inspect_tasks import problems, second_try  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")  # its own, and those of what it needs

NOTE, AGAIN = "Note to self after a wrong first try: I was careless.", "Now try again."


def played(task, answer, tmp_path, **how):
    """Let a model play that answers a conversation, given as texts, by a function."""

    def output(messages, tools, tool_choice, config):
        made = ModelOutput.from_content("mockllm/model", answer([message.text for message in messages]))
        made.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)  # to count, it would ask the network
        return made

    model = get_model("mockllm/model", custom_outputs=output)
    (log,) = inspect_ai.eval(task, model=model, log_dir=str(tmp_path), display="none", **how)
    gc.collect()  # it leaves streams open, which are warned of where they are collected
    assert log.status == "success", log.error
    return log


def accuracy(log):
    return log.results.scores[0].metrics["accuracy"].value


def test_problems_of_ours_are_judged_by_their_own_check(tmp_path):
    task = problems("arithmetic", count=4)
    golds = {sample.input[0].text: sample.target for sample in task.dataset}
    wrong = next(iter(golds))
    log = played(task, lambda said: "<answer> 1000 </answer>" if said == [wrong] else golds[said[0]], tmp_path)
    assert accuracy(log) == 0.75
    explained = {sample.input[0].text: sample.scores["verdict"].explanation for sample in log.samples}
    assert explained == {text: "wrong" if text == wrong else "correct" for text in golds}


@pytest.mark.parametrize("retry_sees", ["all", "reflection"])
def test_a_failed_try_is_reflected_on_and_tried_again(tmp_path, retry_sees):
    task = problems("arithmetic", count=2)
    right, hard = ({"asked": sample.input[0].text, "gold": sample.target} for sample in task.dataset)

    def answer(said):
        if said[0].startswith(right["asked"]):
            return right["gold"]
        again = said[-1] == AGAIN or said[-1].endswith(NOTE)
        return hard["gold"] if again else "I was careless." if len(said) > 1 else "<answer> 1000 </answer>"

    log = played(task, answer, tmp_path, solver=second_try(retry_sees=retry_sees))
    assert accuracy(log) == 1.0
    stores = {sample.input[0].text: sample.store for sample in log.samples}
    assert stores[right["asked"]] == {"first_try": right["gold"], "first_try_correct": True}
    assert stores[hard["asked"]]["reflection"] == "I was careless."
    assert not stores[hard["asked"]]["first_try_correct"]
    seen = next([m.text for m in s.messages] for s in log.samples if s.input[0].text == hard["asked"])
    if retry_sees == "all":
        assert (seen[1], seen[3:5]) == ("<answer> 1000 </answer>", ["I was careless.", AGAIN])
    else:
        assert seen == [f"{hard['asked']}\n\n{NOTE}", hard["gold"]]


def test_any_task_of_theirs_gets_a_second_try(tmp_path):
    task = inspect_ai.Task(dataset=[Sample(input="2 + 2?", target="4")], scorer=match())
    answers = iter(["5", "I added wrongly.", "4"])
    log = played(task, lambda said: next(answers), tmp_path, solver=second_try())
    assert accuracy(log) == 1.0
