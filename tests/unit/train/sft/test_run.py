"""Fine-tuning on completions: loss and gradient are those of one example at a time; rows are read, named or refused."""

import json
import math
import re
import tomllib
from pathlib import Path

import pytest
import reference
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lucky_task import Lucky
from tiny_models import byte_tokenizer, tiny_model, tiny_policy
from tokenizers.processors import TemplateProcessing

from secondthought.config import LoraConfig
from secondthought.config.likelihood import LikelihoodOptimConfig
from secondthought.config.sft import SftConfig, SftTrainConfig, resolve_sft
from secondthought.errors import ConfigError, TaskError
from secondthought.inference.local import LocalPolicy
from secondthought.models import lora
from secondthought.train.likelihood import learner as sft_learner
from secondthought.train.likelihood.learner import LikelihoodLearner, rate_of_step, trees_of
from secondthought.train.likelihood.material import Example
from secondthought.train.sft.examples import read_examples, split
from secondthought.train.sft.inputs import ExampleOrder
from secondthought.trees import TokenTree, by_branches, micro_batches
from secondthought.types import Message

ROOT = Path(__file__).parents[4]
END, EOS = 258, 256

tokens = st.integers(0, 250)
prompts = st.sampled_from([(7,), (1, 2, 3), (1, 2, 3, 4, 5, 6, 7, 8, 9), (9, 8, 7)])
"""Few, so that examples share them; one is the beginning of another."""
examples = st.lists(
    st.builds(Example, st.just(1), prompts, st.lists(tokens, min_size=0, max_size=9).map(lambda ids: (*ids, END))),
    min_size=1,
    max_size=6,
)


def learner(policy, *, optim=None, total_steps=10, **train):
    return LikelihoodLearner(policy, optim or LikelihoodOptimConfig(), SftTrainConfig(**train), total_steps=total_steps)


def oracle_loss(model, batch):
    """Every example by itself, token by token; the mean over all completion tokens of the batch."""
    total, count = 0.0, 0
    for example in batch:
        scores = reference.row_logprobs(model, [*example.prompt, *example.completion])[len(example.prompt) - 1 :]
        assert len(scores) == len(example.completion)
        total, count = total - sum(scores), count + len(scores)
    return total / count


def packed(policy, batch, **train):
    """Loss and gradient as training computes them."""
    found = learner(policy, **train)
    loss = found.backward(trees_of(batch, found.train.micro_batch_tokens))
    return loss, torch.cat([p.grad.flatten().double() for p in found.parameters if p.grad is not None])


def one_at_a_time(model, batch):
    exact = reference.double(model)
    loss = oracle_loss(exact, batch)
    loss.backward()
    return float(loss.detach()), torch.cat([p.grad.flatten() for p in exact.parameters() if p.grad is not None])


def same(found, wanted, tolerance=1e-5):
    assert math.isclose(found[0], wanted[0], rel_tol=tolerance)
    assert float((found[1] - wanted[1]).norm()) <= tolerance * float(wanted[1].norm())


BY_ARCHITECTURE = {}


def policy_of(architecture="qwen2"):
    return BY_ARCHITECTURE.setdefault(architecture, tiny_policy(architecture))


@settings(max_examples=8)
@given(examples)
def test_packed_loss_and_gradient_equal_one_example_at_a_time(architecture, batch):
    policy = policy_of(architecture)
    same(packed(policy, batch), one_at_a_time(policy.model, batch))


@settings(max_examples=8)
@given(examples)
@pytest.mark.parametrize("name", ["qwen2", "mistral-window"])
def test_in_double_precision_they_are_closer_still(name, batch):
    """Not to the last bit: `transformers` takes the roots of its norms in single precision."""
    policy = LocalPolicy(tiny_model(name).double(), byte_tokenizer(), name="double")
    same(packed(policy, batch), one_at_a_time(policy.model, batch), 1e-6)


@settings(max_examples=8)
@given(examples, st.integers(1, 60), st.randoms(use_true_random=False))
def test_how_a_batch_is_cut_ordered_and_packed_changes_nothing(batch, room, random):
    policy = policy_of()
    wanted = packed(policy, batch)
    same(packed(policy, batch, micro_batch_tokens=room), wanted)
    same(packed(policy, random.sample(batch, len(batch))), wanted)
    same(packed(policy, batch, share_trunk=False), wanted)
    same(packed(policy, batch, gradient_checkpointing=True), wanted)


SHIFTS = {
    "the prompt's last token is learned": lambda tree: sft_learner.tree_of_texts(
        tree.trunk[:-1], [(tree.trunk[-1], *b.token_ids) for b in tree.branches]
    ),
    "the completion's first token is not": lambda tree: sft_learner.tree_of_texts(
        (*tree.trunk, tree.branches[0].token_ids[0]), [b.token_ids[1:] for b in tree.branches]
    ),
    "the end token is not": lambda tree: sft_learner.tree_of_texts(
        tree.trunk, [b.token_ids[:-1] for b in tree.branches]
    ),
}
ONE = [Example(1, (5, 6, 7), (8, 9, END))]


@pytest.mark.parametrize("name", SHIFTS)
def test_a_shift_by_one_would_be_noticed(name):
    policy = policy_of()
    wanted = one_at_a_time(policy.model, ONE)
    found = learner(policy)
    [tree] = trees_of(ONE, 100)
    loss = found.backward([SHIFTS[name](tree)])
    gradient = torch.cat([p.grad.flatten().double() for p in found.parameters])
    with pytest.raises(AssertionError):
        same((loss, gradient), wanted, 1e-2)


def test_only_the_positions_before_completion_tokens_have_a_gradient():
    """Seen at the logits of a plain forward, where every position has some."""
    policy = tiny_policy()
    found = learner(policy, share_trunk=False)
    kept = []
    policy.model.lm_head.register_forward_hook(lambda module, given, out: kept.append(out) or out.retain_grad())
    found.backward(trees_of(ONE, 100))
    [logits] = kept
    has_gradient = logits.grad[0].abs().sum(-1) > 0
    assert has_gradient.tolist() == [False, False, True, True, True, False]


def test_bf16_is_the_same_but_for_its_rounding():
    batch = [*ONE, Example(2, (5, 6, 7), (1, 2, END))]
    same(packed(tiny_policy(precision="bf16"), batch), packed(policy_of(), batch), 0.05)


def test_a_batch_is_normalised_by_all_its_tokens_and_not_by_micro_batch():
    long, short = Example(1, (1, 2), (3,) * 20), Example(2, (4, 5), (6,))
    policy = policy_of()
    loss, _ = packed(policy, [long, short], micro_batch_tokens=1)
    apart = [packed(policy, [example])[0] for example in (long, short)]
    assert math.isclose(loss, (20 * apart[0] + apart[1]) / 21, rel_tol=1e-6)


def test_examples_with_one_prompt_share_its_trunk():
    batch = [Example(n, (1,) * 10, (n, END)) for n in range(4)] + [Example(9, (2, 2), (3, END))]
    trees = trees_of(batch, 100)
    assert [(len(tree.trunk), len(tree.branches)) for tree in trees] == [(10, 4), (2, 1)]
    assert sum(tree.num_tokens for tree in trees) == 10 + 4 * 2 + 2 + 2
    assert [len(tree.branches) for tree in trees_of(batch, 14)] == [2, 2, 1]


@given(examples, st.integers(1, 60))
def test_every_example_is_in_one_micro_batch(batch, room):
    cut = micro_batches(trees_of(batch, room), room, alike=by_branches)
    found = [(tree.trunk, branch.token_ids) for part in cut for tree in part for branch in tree.branches]
    assert sorted(found) == sorted((example.prompt, example.completion) for example in batch)
    assert all(len(part) == 1 or sum(tree.num_tokens for tree in part) <= room for part in cut)
    assert all(isinstance(tree, TokenTree) for part in cut for tree in part)


def test_an_adapter_has_the_gradient_of_its_matrices_and_alone_is_moved():
    policy = tiny_policy()
    policy.adapter = lora.add(policy.model, LoraConfig(rank=4), base="nowhere")
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in policy.model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    batch = [*ONE, Example(2, (5, 6, 7), (1, 2, END)), Example(3, (4,), (1, END))]
    loss, gradient = packed(policy, batch)
    exact = reference.double(policy.model)
    wanted = oracle_loss(exact, batch)
    wanted.backward()
    theirs = torch.cat([p.grad.flatten() for name, p in exact.named_parameters() if ".lora_" in name])
    same((loss, gradient), (float(wanted.detach()), theirs))
    before = {name: value.clone() for name, value in policy.model.state_dict().items()}
    learner(policy, optim=LikelihoodOptimConfig(lr=0.1)).update(batch, 1)
    moved = {name for name, value in policy.model.state_dict().items() if not torch.equal(value, before[name])}
    assert moved
    assert all(".lora_" in name for name in moved)


def test_a_step_is_adamw_on_that_gradient():
    policy, twin = tiny_policy(), tiny_policy()
    optim = LikelihoodOptimConfig(lr=1e-3, warmup_share=0.5, weight_decay=0.1, max_grad_norm=0.5)
    stats = learner(policy, optim=optim, total_steps=4).update(ONE, 1)
    theirs = torch.optim.AdamW(twin.model.parameters(), lr=0.5e-3, betas=(0.9, 0.95), weight_decay=0.1)
    oracle_loss(twin.model, ONE).backward()
    norm = torch.nn.utils.clip_grad_norm_(twin.model.parameters(), 0.5)
    theirs.step()
    assert stats.lr == 0.5e-3
    assert stats.tokens_learned == 3
    assert stats.tokens_forward == 6
    assert math.isclose(stats.grad_norm, float(norm), rel_tol=1e-4)
    for ours, other in zip(policy.model.parameters(), twin.model.parameters(), strict=True):
        assert torch.allclose(ours, other, rtol=0, atol=2e-5)


@given(st.integers(1, 50), st.floats(0, 0.99), st.sampled_from(["cosine", "constant"]))
def test_the_rate_grows_to_its_peak_then_falls_and_is_never_zero(total, share, schedule):
    optim = LikelihoodOptimConfig(lr=1.0, warmup_share=share, schedule=schedule)
    rates = [rate_of_step(optim, step, total) for step in range(1, total + 1)]
    warmup = int(share * total)
    assert all(0 < rate <= 1 for rate in rates)
    assert rates[:warmup] == sorted(rates[:warmup])
    assert rates[warmup:] == sorted(rates[warmup:], reverse=True)
    assert max(rates) == 1.0


# Rows


CHAT = {"messages": [{"role": "user", "content": "1+1?"}], "completion": "two"}


def write(tmp_path, *rows):
    path = tmp_path / "data.jsonl"
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), "utf-8")
    return path


def read(path, *, task=None, max_length=500, too_long="refuse", policy=None):
    return read_examples(path, policy or policy_of(), task, max_length=max_length, too_long=too_long)


def test_a_chat_row_is_what_sampling_sees_and_ends_its_turn(tmp_path):
    policy = policy_of()
    [found] = read(write(tmp_path, CHAT)).kept
    text = policy.chat.tokenizer.decode([*found.prompt, *found.completion])
    assert text == "<|im_start|>user\n1+1?<|im_end|>\n<|im_start|>assistant\ntwo<|im_end|>"
    assert found.completion[-1] == END
    assert len(found.completion) == 4


def test_a_row_with_a_problem_has_the_messages_of_its_task(tmp_path):
    policy, task = policy_of(), Lucky()
    [found] = read(write(tmp_path, {"problem": {"n": 12}, "completion": "3", "extra": 1}), task=task).kept
    assert found.prompt == policy.start(task.parse({"n": 12}).messages)


def test_the_task_wins_over_messages_so_that_rl_shows_the_same_prompt(tmp_path):
    policy, task = policy_of(), Lucky()
    path = write(tmp_path, {**CHAT, "problem": {"n": 12}})
    [alone], [with_task] = read(path).kept, read(path, task=task).kept
    assert "1+1?" in policy.chat.tokenizer.decode(alone.prompt)
    assert with_task.prompt == policy.start(task.parse({"n": 12}).messages)


TOOL = {"name": "now", "description": "", "parameters": {"type": "object", "properties": {"zone": {"type": "string"}}}}


@pytest.mark.parametrize(
    "tools",
    [[TOOL], [{"type": "function", "function": TOOL}], json.dumps([TOOL])],
    ids=["flat", "wrapped", "JSON in a text"],
)
def test_a_chat_row_with_tools_is_what_sampling_sees_with_them(tmp_path, tools):
    policy = policy_of()
    [found] = read(write(tmp_path, {**CHAT, "tools": tools})).kept
    assert found.prompt == policy.start([Message(**CHAT["messages"][0])], [TOOL])
    assert '"zone"' in policy.chat.tokenizer.decode(found.prompt)


@pytest.mark.parametrize("tools", [None, [], "[]"])
def test_no_tools_are_none(tmp_path, tools):
    chat, none, plain = read(
        write(tmp_path, CHAT, {**CHAT, "tools": tools}, {"prompt": "a", "completion": "b", "tools": tools})
    ).kept
    assert chat.prompt == none.prompt
    assert policy_of().chat.decode(plain.prompt) == "a"


def test_a_problem_brings_its_own_tools(tmp_path):
    [found] = read(write(tmp_path, {"problem": {"n": 12}, "completion": "3", "tools": [TOOL]}), task=Lucky()).kept
    assert found.prompt == policy_of().start(Lucky().parse({"n": 12}).messages)


def test_a_plain_prompt_is_taken_as_it_is_and_ends_with_eos(tmp_path):
    policy = LocalPolicy(tiny_model(), byte_tokenizer(eos="<|endoftext|>"), name="base")
    [found] = read(write(tmp_path, {"prompt": "A:", "completion": " b"}), policy=policy).kept
    assert policy.chat.tokenizer.decode([*found.prompt, *found.completion[:-1]]) == "A: b"
    assert len(found.prompt) == 2
    assert found.completion[-1] == EOS
    assert {EOS, END} <= policy.stop_ids


def test_control_tokens_in_a_prompt_are_text_and_half_a_character_is_replaced(tmp_path):
    def asks(text):
        return {"messages": [{"role": "user", "content": text}], "completion": "a<|im_start|>"}

    rows = [asks("a<|im_end|>"), {"prompt": "a<|im_end|>", "completion": "<|im_start|>b"}, asks("\ud83d")]
    chat, plain, half = read(write(tmp_path, *rows)).kept
    assert (chat.prompt.count(END), chat.completion.count(END), chat.completion.count(257)) == (1, 1, 0)
    assert (END in plain.prompt, 257 in plain.completion, plain.completion[-1]) == (False, False, END)
    assert policy_of().chat.decode(plain.prompt) == "a<|im_end|>"
    assert "\ufffd" in policy_of().chat.decode(half.prompt)


def test_a_tokenizer_that_adds_bos_gets_it_once_in_a_plain_prompt(tmp_path):
    tokenizer = byte_tokenizer(eos="<|endoftext|>", specials=("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<s>"))
    tokenizer.bos_token = "<s>"
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 259)])
    policy = LocalPolicy(tiny_model(), tokenizer, name="adds bos")
    plain, chat = read(write(tmp_path, {"prompt": "ab", "completion": "c"}, CHAT), policy=policy).kept
    assert (plain.prompt[0], plain.prompt.count(259), 259 in plain.completion) == (259, 1, False)
    assert 259 not in chat.prompt


BAD = {
    "is not JSON": "{",
    "is not a JSON object": "[1]",
    "field 'completion' is missing": {"prompt": "a"},
    "field 'completion' must be a text": {"prompt": "a", "completion": 3},
    "a text that is not empty": {"prompt": "a", "completion": ""},
    "has none of 'messages', 'problem' and 'prompt'": {"completion": "a"},
    "has both 'messages' and 'prompt'": {**CHAT, "prompt": "a"},
    "say which task's with --task": {"problem": {}, "completion": "a"},
    "the prompt is empty": {"prompt": "", "completion": "a"},
    "field 'prompt' must be a text": {"prompt": 1, "completion": "a"},
    "a list of one message or more": {"messages": [], "completion": "a"},
    "messages[0] must be": {"messages": [{"role": "human", "content": "a"}], "completion": "a"},
    "messages[1] must be": {"messages": [CHAT["messages"][0], {"role": "user"}], "completion": "a"},
    "ends with the assistant's": {"messages": [{"role": "assistant", "content": "a"}], "completion": "a"},
    "has 'tools', and a plain 'prompt' has no place for them": {"prompt": "a", "completion": "b", "tools": [TOOL]},
    "field 'tools' is a text that is no JSON": {**CHAT, "tools": "now()"},
    "field 'tools' must be a list of tools": {**CHAT, "tools": {"now": TOOL}},
    "field 'tools', item 2, must be": {**CHAT, "tools": [TOOL, {"description": "nameless"}]},
    "field 'tools', item 1, must be": {**CHAT, "tools": json.dumps(["now"])},
    "holds the token <|im_end|>": {"prompt": "a", "completion": "b<|im_end|>"},
}


@pytest.mark.parametrize("said", BAD)
def test_a_bad_row_is_named_by_file_and_line(tmp_path, said):
    path = write(tmp_path, CHAT, "", BAD[said], CHAT)
    with pytest.raises(TaskError, match=re.escape(f"{path}, line 3: ")) as caught:
        read(path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_bad_problem_is_named_and_bad_rows_are_counted(tmp_path):
    rows = [{"problem": {"m": 1}, "completion": "a"}, {"problem": [], "completion": "a"}, CHAT, "{"]
    path = write(tmp_path, *rows)
    with pytest.raises(TaskError, match=re.escape(f"{path}, line 1: ") + ".*KeyError.*2 more of its rows are bad"):
        read(path, task=Lucky())


def test_files_without_examples_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="holds no example"):
        read(write(tmp_path, ""))
    with pytest.raises(ConfigError, match="No such file"):
        read(tmp_path / "nothing.jsonl")


def test_too_long_is_refused_by_line_or_dropped_and_counted(tmp_path):
    def row(n):
        return {"prompt": "ab", "completion": "c" * n}

    path = write(tmp_path, row(3), row(30), row(17), row(40), row(18))
    with pytest.raises(TaskError, match=r"lines 2, 4, 5 are longer than 20 tokens \(max_length\), the longest 43"):
        read(path, max_length=20)
    found = read(path, max_length=20, too_long="drop")
    assert [(example.line, example.num_tokens) for example in found.kept] == [(1, 6), (3, 20)]
    assert found.dropped_lines == (2, 4, 5)
    with pytest.raises(ConfigError, match="all 5 rows are longer than 5 tokens"):
        read(path, max_length=5, too_long="drop")
    with pytest.raises(TaskError, match=r"line 1 is longer than 512 tokens \(the model's positions\)"):
        read(write(tmp_path, row(600)), max_length=5000)


@given(st.lists(prompts, min_size=1, max_size=30), st.floats(0.01, 0.6), st.integers(0, 5))
def test_no_prompt_is_on_both_sides(given_prompts, share, seed):
    rows = [Example(line, prompt, (END,)) for line, prompt in enumerate(given_prompts)]
    if len(set(given_prompts)) == 1:
        with pytest.raises(ConfigError, match="too few"):
            split(rows, share, seed)
        return
    try:
        learned, held = split(rows, share, seed)
    except ConfigError:
        assert max(1, round(share * len(set(given_prompts)))) >= len(set(given_prompts))
        return
    assert sorted([*learned, *held], key=lambda e: e.line) == rows
    assert learned
    assert held
    assert not {e.prompt for e in learned} & {e.prompt for e in held}
    assert split(rows, share, seed) == (learned, held)
    assert split(rows, 0.0, seed) == (rows, [])


# Steps and settings


@given(st.integers(1, 40), st.integers(1, 12), st.integers(1, 3), st.booleans())
def test_an_epoch_is_every_example_once(count, size, epochs, drop_last):
    config = SftConfig(train=SftTrainConfig(batch_size=size, epochs=epochs, drop_last=drop_last))
    if drop_last and count < size:
        with pytest.raises(ConfigError, match="do not fill a batch"):
            ExampleOrder.of(config, count)
        return
    plan = ExampleOrder.of(config, count)
    assert plan.steps == epochs * plan.steps_per_epoch
    for epoch in range(epochs):
        steps = range(epoch * plan.steps_per_epoch + 1, (epoch + 1) * plan.steps_per_epoch + 1)
        seen = [place for step in steps for place in plan.batch(step)]
        assert len(seen) == len(set(seen)) == (count // size * size if drop_last else count)
        assert set(seen) <= set(range(count))
        assert [plan.ends_epoch(step) for step in steps] == [False] * (len(steps) - 1) + [True]


def test_steps_in_place_of_epochs_and_another_order_each_epoch():
    plan = ExampleOrder.of(SftConfig(train=SftTrainConfig(batch_size=10, steps=7)), 50)
    assert (plan.steps, plan.steps_per_epoch) == (7, 5)
    assert plan.ends_epoch(5)
    assert plan.ends_epoch(7)
    assert plan.batch(1) != plan.batch(6)
    other = ExampleOrder.of(SftConfig(seed=1, train=SftTrainConfig(batch_size=10, steps=7)), 50)
    assert plan.batch(1) != other.batch(1)


def shipped(name):
    return resolve_sft(tomllib.loads((ROOT / "configs" / name).read_text("utf-8")), source=name)


def test_the_papers_settings_ship():
    found = shipped("sft-four-habits-3b.toml")
    assert found.model.path == "Qwen/Qwen2.5-3B"
    assert (found.seed, found.max_length, found.too_long) == (1, 2048, "refuse")
    assert (found.train.batch_size, found.train.epochs) == (64, 5)
    assert found.optim == LikelihoodOptimConfig(
        lr=1e-5, betas=(0.9, 0.95), weight_decay=0.01, schedule="cosine", warmup_share=0.1, max_grad_norm=1.0
    )
    assert ExampleOrder.of(found, 1000).steps == 75


def test_the_organisms_settings_ship():
    found = shipped("sft-organism.toml")
    assert found.model.path == "small"
    assert found.task == "countdown"
    assert found.options == {"preset": "tiny"}


def test_settings_that_do_not_go_together_are_refused():
    with pytest.raises(ConfigError, match=r"x: config: train.final = 'best' needs a held-out share"):
        resolve_sft({"train": {"final": "best"}}, source="x")
    with pytest.raises(ConfigError, match=r"optim.lrr"):
        resolve_sft({"optim": {"lrr": 1}}, source="x")
