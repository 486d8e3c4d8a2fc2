"""Reward functions as people write them for TRL's GRPOTrainer."""

import asyncio
import re


def exact(completions, answer, **kwargs):
    """Reward conversations whose last number is the answer."""
    texts = [completion[0]["content"] for completion in completions]
    return [1.0 if re.findall(r"\d+", text)[-1:] == [right] else 0.0 for text, right in zip(texts, answer, strict=True)]


def short(prompts, completions, **kwargs):
    """Reward short texts of either form."""
    texts = [c if isinstance(c, str) else c[0]["content"] for c in completions]
    kwargs["log_metric"]("length", len(texts[0]))
    return [0.5 if len(text) < 10 else 0.0 for text in texts]


async def slow(completions, **kwargs):
    """Reward everything, after a while."""
    await asyncio.sleep(0)
    return [1.0 for _ in completions]


def told(completions, **kwargs):
    """Say what is wrong, as some trainers read it."""
    return [(0.0, "Too long.") for _ in completions]


def silent(completions, **kwargs):
    """Have nothing to say."""
    return [None for _ in completions]


def broken(completions, **kwargs):
    """Fail."""
    raise KeyError("answer")


def many(completions, **kwargs):
    """Return one reward too many."""
    return [1.0, 1.0]


def endless(completions, **kwargs):
    """Return what is no number."""
    return [float("nan")]


def ids(completions, completion_ids, **kwargs):
    """Ask for tokens."""
    return [len(item) for item in completion_ids]


NO_FUNCTION = 3
