"""lm-eval asks our models and scores them: item by item as its own `hf` model, where it is installed."""

from __future__ import annotations

import json

import pytest

lm_eval = pytest.importorskip("lm_eval", reason="needs the extra `lm-eval`")

from lm_eval.models.huggingface import HFLM  # noqa: E402
from tiny_models import tiny_policy  # noqa: E402

from secondthought.bridges import lm_eval_model, lm_eval_tasks  # noqa: E402
from secondthought.bridges.lm_eval_files import with_files  # noqa: E402
from secondthought.bridges.lm_eval_model import SecondthoughtLM  # noqa: E402
from secondthought.bridges.lm_eval_tasks import LmEvalExam  # noqa: E402
from secondthought.errors import PolicyError, TaskError  # noqa: E402
from secondthought.inference.scripted import ScriptedPolicy  # noqa: E402
from secondthought.progress import SILENT  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")  # its own, and those of what it needs

COUNT = 6


@pytest.fixture
def data(tmp_path):
    """Rows in the shapes of HellaSwag and GSM8K."""
    endings = ["he sleeps.", "it rains on the roof all day.", "she sings", "they go, and come back"]
    told = [
        {"ind": n, "activity_label": "Day", "ctx_a": f"At {n} o'clock", "ctx_b": "he", "endings": endings, "label": "1"}
        for n in range(COUNT)
    ]
    asked = [{"question": f"What is {n} and {n}?", "answer": f"So.\n#### {2 * n}"} for n in range(2 * COUNT)]
    for name, rows in (("told", told), ("asked", asked)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def exam(data, name, **options):
    files = {"hellaswag": "told.jsonl", "gsm8k": "asked.jsonl"}
    given = {"files": str(data / files[name]), "fewshot_files": str(data / files[name]), **options}
    return LmEvalExam(f"lm_eval:{name}", given, COUNT)


def samples(sat, model):
    """Return what lm-eval logs of a model, in order."""
    rows = [row for found in sat.samples(model).values() for row in found]
    return sorted(rows, key=lambda row: (row["filter"], row["doc_id"]))


def test_choices_are_as_likely_as_to_its_own_model(data):
    policy, sat = tiny_policy("qwen2"), exam(data, "hellaswag", fewshot=2)
    right = sat.right(policy, SILENT)
    assert right == sat.right(policy, SILENT)
    assert json.loads(json.dumps(sat.asks()))["problems"] == COUNT
    ours, theirs = (
        samples(sat, model)
        for model in (SecondthoughtLM(policy), HFLM(pretrained=policy.model, tokenizer=policy.chat.tokenizer))
    )
    assert right == [bool(row["acc"]) for row in theirs]
    for one, other in zip(ours, theirs, strict=True):
        assert one["arguments"] == other["arguments"]
        for (mine, is_greedy), (wanted, too) in zip(one["filtered_resps"], other["filtered_resps"], strict=True):
            assert mine == pytest.approx(wanted, abs=1e-3)
            assert is_greedy == too


def test_prompts_are_those_of_its_own_command(data):
    policy, sat = tiny_policy("qwen2"), exam(data, "gsm8k", fewshot=3)
    model = SecondthoughtLM(policy)
    model.generate_until = lambda requests: ["no"] * len(requests)  # what is asked is looked at, not what is said
    manager = lm_eval_tasks._manager()
    spec = with_files(sat.name, manager.task_index["gsm8k"], sat.options)
    wanted = lm_eval.simple_evaluate(
        model, tasks=[spec], task_manager=manager, num_fewshot=3, limit=COUNT, bootstrap_iters=0
    )["samples"]["gsm8k"]
    for _ in range(2):
        found = [row for rows in sat.samples(model).values() for row in rows]
        assert [row["arguments"] for row in found] == [row["arguments"] for row in wanted]
        assert found[0]["arguments"][0][0].count("Question:") == 4


@pytest.mark.parametrize("chat", [False, True])
def test_answers_are_those_of_its_own_model(data, monkeypatch, chat):
    monkeypatch.setattr(lm_eval_model, "PIECE", 3)
    policy, sat = tiny_policy("qwen2"), exam(data, "gsm8k", fewshot=1, chat=chat)
    if chat:
        policy.chat.tokenizer.chat_template = "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}{% endfor %}"
    for task in sat._loaded["tasks"].values():
        task.set_config(key="generation_kwargs", value={"until": ["ab"], "do_sample": False, "max_gen_toks": 10})
    sat.right(policy, SILENT)
    ours, theirs = (
        samples(sat, model)
        for model in (SecondthoughtLM(policy), HFLM(pretrained=policy.model, tokenizer=policy.chat.tokenizer))
    )
    assert len(ours) == 2 * COUNT  # each is read in two ways
    for one, other in zip(ours, theirs, strict=True):
        assert one["arguments"] == other["arguments"]
        assert one["resps"] == other["resps"]


def test_a_stop_text_ends_an_answer_wherever_it_is_cut(data, monkeypatch):
    policy, sat = tiny_policy("qwen2"), exam(data, "gsm8k", fewshot=0)
    (task,) = sat._loaded["tasks"].values()

    def written(until, piece):
        monkeypatch.setattr(lm_eval_model, "PIECE", piece)
        task.set_config(key="generation_kwargs", value={"until": until, "do_sample": False, "max_gen_toks": 12})
        task.set_config(key="num_fewshot", value=0)
        return [row["resps"][0][0] for row in samples(sat, SecondthoughtLM(policy))][:COUNT]

    whole = written([], 12)
    pairs = [text[at : at + 2] for text in whole for at in range(2, len(text) - 1)]
    stop = next(pair for pair in pairs if pair.isascii() and pair.isprintable())  # half a character is none
    assert written([], 1) == written([], 5) == whole
    assert written([stop], 1) == written([stop], 5) == [text.split(stop)[0] for text in whole]


def test_what_is_wrong_is_said_before_a_model_is_loaded(data):
    with pytest.raises(TaskError, match=r"no such task \(did you mean 'hellaswag'"):
        LmEvalExam("lm_eval:hellaswagg", {}, 1)
    with pytest.raises(TaskError, match=r"missing\.jsonl: no such file"):
        exam(data, "hellaswag", files=str(data / "missing.jsonl"))
    with pytest.raises(TaskError, match="of one kind"):
        exam(data, "hellaswag", fewshot_files=__file__)
    with pytest.raises(TaskError, match="option metric: brier is none of acc, acc_norm"):
        exam(data, "hellaswag", metric="brier")
    with pytest.raises(TaskError, match="option filter: loose is none of strict-match, flexible-extract"):
        exam(data, "gsm8k", filter="loose")
    with pytest.raises(TaskError, match="5 examples stand before each question"):
        exam(data, "gsm8k", fewshot_files=())
    with pytest.raises(TaskError, match="group of tasks"):
        LmEvalExam("lm_eval:mmlu_pro", {"files": str(data / "asked.jsonl")}, 1)
    with pytest.raises(TaskError, match="sandbox"):
        LmEvalExam("lm_eval:humaneval", {}, 1)


def test_what_a_task_lacks_is_one_sentence(data, monkeypatch):
    def lacks(*_):
        raise AssertionError("sympy is required")

    monkeypatch.setattr(lm_eval_tasks, "with_files", lacks)
    with pytest.raises(TaskError, match=r"lm_eval:gsm8k: cannot be loaded .*: AssertionError: sympy is required"):
        exam(data, "gsm8k")


def test_a_model_without_probabilities_is_refused(data):
    with pytest.raises(PolicyError, match="probabilities"):
        exam(data, "hellaswag").right(ScriptedPolicy(lambda conversation: "yes", name="script"), SILENT)
