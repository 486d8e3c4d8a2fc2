"""Examples of a plan of fine-tuning are read from the file as training reads it, or counts stand for them.

The file is read with the model's own tokenizer and template, where these are here; weights never are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from secondthought import jsonl, tasks
from secondthought.config.sft import SftConfig
from secondthought.errors import ConfigError, TaskError
from secondthought.models.gguf.header import is_gguf
from secondthought.models.loading import chat_settings
from secondthought.models.local import LocalModel
from secondthought.models.template import choose
from secondthought.preflight.resources import inputs
from secondthought.preflight.resources.memory import Trees
from secondthought.preflight.resources.sft_plan import Corpus, uniform
from secondthought.train.likelihood.learner import trees_of
from secondthought.train.likelihood.material import Example
from secondthought.train.sft.examples import read_examples, split
from secondthought.train.sft.inputs import ExampleOrder
from secondthought.trees import TokenTree, by_branches, micro_batches


def read(config: SftConfig, *, examples: int | None = None, tokens: float | None = None) -> Corpus:
    """Read `config.data` where that file is here; else take the counts that are given.

    Raises:
        ConfigError: the counts contradict the settings or the file, or make no step.
        TaskError: a row of the file is wrong, or too long.
    """
    if config.data is not None and config.data.is_file():
        if examples is not None or tokens is not None:
            raise ConfigError(f"{config.data} says how many examples there are; leave --examples and the like out")
        policy = _without_weights(config)
        return _guessed(config, config.data) if policy is None else _counted(config, config.data, policy)
    return from_counts(config, examples=examples, tokens=tokens)


def from_counts(config: SftConfig, *, examples: int | None, tokens: float | None) -> Corpus:
    """Describe examples without a file: all of one counts as learned; without a length it has the longest.

    Raises:
        ConfigError: the examples would be longer than allowed, or make no step.
    """
    if tokens is not None and tokens > config.max_length:
        raise ConfigError(f"--tokens-per-example {tokens:g}: is above max_length, {config.max_length}")
    size = config.max_length if tokens is None else math.ceil(tokens)
    step, largest, number = uniform(config, max(2, size))
    held = None if examples is None else _held_out(config, examples)
    learned_from = None if examples is None or held is None else examples - held
    how = f"none is longer than {config.max_length} tokens" if tokens is None else f"{tokens:g} tokens each"
    return Corpus(
        source=f"no file is read: {how}, and all tokens count as learned",
        step=step,
        largest=largest,
        number=number,
        examples=learned_from,
        held_out=held,
        tokens=tokens,
        learned=None,
        steps_per_epoch=None if learned_from is None else ExampleOrder.of(config, learned_from).steps_per_epoch,
    )


def _held_out(config: SftConfig, examples: int) -> int:
    """Count the examples held out, as `split` does where no prompt comes twice."""
    held = max(1, round(config.eval_share * examples)) if config.eval_share else 0
    if held >= examples:
        raise ConfigError(f"eval_share: {examples} examples are too few to hold out {config.eval_share:g} of them")
    return held


def _without_weights(config: SftConfig) -> LocalModel | None:
    """Build a policy that tokenizes and does nothing else; None where its tokenizer is not here."""
    model = config.model
    if inputs.find_files(model) is None and not is_gguf(model.path):
        return None
    empty = inputs.build_empty(inputs.read_config(model), source=model.path, trust_remote_code=model.trust_remote_code)
    try:
        tokenizer = inputs.read_tokenizer(model)
    except (OSError, ValueError, KeyError, ImportError, AttributeError):
        return None
    choose(tokenizer, model.chat_template)
    return LocalModel(empty, tokenizer, name=model.path, **chat_settings(model))


def _counted(config: SftConfig, path: Path, policy: LocalModel) -> Corpus:
    task = None if config.task is None else tasks.load(config.task, config.options)
    found = read_examples(path, policy, task, max_length=config.max_length, too_long=config.too_long)
    kept, held = split(found.kept, config.eval_share, config.seed)
    dropped = f", {len(found.dropped_lines)} too long and left out" if found.dropped_lines else ""
    return of_examples(config, kept, len(held), source=f"{path}, in the model's tokens{dropped}")


def of_examples(config: SftConfig, examples: Sequence[Example], held_out: int, *, source: str) -> Corpus:
    """Count examples over the first epoch, in the very micro-batches that training makes."""
    plan = ExampleOrder.of(config, len(examples))
    limit = config.train.micro_batch_tokens
    batches: list[Trees] = []
    for step in range(1, plan.steps_per_epoch + 1):
        trees = trees_of([examples[place] for place in plan.batch(step)], limit)
        batches += [as_trees(batch) for batch in micro_batches(trees, limit, alike=by_branches)]
    tokens = sum(example.num_tokens for example in examples) / len(examples)
    learned = sum(len(example.completion) for example in examples) / len(examples)
    U, R = min(config.train.batch_size, len(examples)), max(1, round(learned))
    read_once = sum(batch.tokens for batch in batches) / sum(batch.U * batch.G for batch in batches)
    return Corpus(
        source=source,
        step=Trees(U=U, P=max(1, round(read_once - learned)), G=1, R=R, M=U * R),
        largest=max(batches, key=lambda batch: (batch.tokens, batch.M)),
        number=math.ceil(len(batches) / plan.steps_per_epoch),
        examples=len(examples),
        held_out=held_out,
        tokens=tokens,
        learned=learned,
        steps_per_epoch=plan.steps_per_epoch,
    )


def as_trees(batch: Sequence[TokenTree]) -> Trees:
    """Return a micro-batch as trees of its mean size, rounded up: as many tokens, or a few more."""
    branches = [branch for tree in batch for branch in tree.branches]
    U, G = len(batch), math.ceil(len(branches) / len(batch))
    return Trees(
        U=U,
        P=math.ceil(sum(len(tree.trunk) for tree in batch) / U),
        G=G,
        R=math.ceil(sum(len(branch.token_ids) for branch in branches) / (U * G)),
        M=sum(tree.num_learning for tree in batch),
    )


def _guessed(config: SftConfig, path: Path) -> Corpus:
    """Guess lengths by characters, as for prompts of RL; what would be too long counts as the longest that is not."""
    examples = [  # no two prompts are alike, so none is shared
        Example(number, (number, *(0,) * (min(prompt, config.max_length - completion) - 1)), (0,) * completion)
        for number, (prompt, completion) in enumerate(_characters(config, path), 1)
    ]
    if not examples:
        raise ConfigError(f"{path}: holds no example")
    held = _held_out(config, len(examples))
    per = inputs.CHARACTERS_PER_TOKEN
    source = f"{path}; no usable tokenizer here: a token for every {per} characters"
    return of_examples(config, examples[held:], held, source=source)


def _characters(config: SftConfig, path: Path) -> Iterator[tuple[int, int]]:
    """Yield the tokens of every row's prompt and completion, guessed by their characters."""
    per = inputs.CHARACTERS_PER_TOKEN
    for line in jsonl.read(path):
        row: dict[str, Any] = line.value or {}
        if not isinstance(row.get("completion"), str):
            raise TaskError(f"{path}, line {line.number}: {line.error or 'has no completion that is a text'}")
        chat = [row["messages"], row.get("tools") or ""] if row.get("messages") else None
        prompt = chat or row.get("problem") or row.get("prompt") or ""
        completion = min(config.max_length - 1, 1 + len(row["completion"]) // per)
        yield inputs.TEMPLATE_TOKENS + len(" ".join(_texts(prompt))) // per, completion


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts and numbers in JSON, as the prompt would show them."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _texts(item)
    else:
        yield str(value)
