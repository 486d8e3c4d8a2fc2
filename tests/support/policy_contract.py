"""What every policy must do, as functions of a policy. Unit tests run them for the scripted one, and for any other.

All are exact: a policy whose tokens may differ in the last bit between batch shapes is run in fp32.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from secondthought.protocols import Policy
from secondthought.types import Completion, Message, Prompt, Sampling, StopReason

MESSAGES = (
    (Message(role="user", content="What is 3 + 4?"),),
    (Message(role="user", content="Using the numbers [3, 7, 12], create an equation that equals 24."),),
    (Message(role="user", content="Hi"),),
)
REQUEST = "Now try again."
SHORT = Sampling(temperature=1.0, max_tokens=12)
GREEDY = Sampling(temperature=0.0, max_tokens=12)


def prompts(policy: Policy, num_keys: int = 3) -> list[Prompt]:
    """Prompts that share trunks in runs, of unequal lengths."""
    return [Prompt(trunk=policy.start(said), key=1000 + key) for said in MESSAGES for key in range(num_keys)]


def check_protocol(policy: Policy) -> None:
    assert isinstance(policy, Policy)
    assert policy.name


def check_start(policy: Policy) -> None:
    starts = [policy.start(said) for said in MESSAGES]
    assert starts == [policy.start(said) for said in MESSAGES]
    assert all(starts)
    assert len(set(starts)) == len(starts)


def check_tools(policy: Policy) -> None:
    """Tools change the prompt and nothing after it; each of them counts, and none is the same as no tools."""
    tools = [
        {"name": name, "description": "", "parameters": {"type": "object", "properties": {}}} for name in ("f", "g")
    ]
    starts = [policy.start(MESSAGES[0], told) for told in ((), tools[:1], tools[1:], tools)]
    assert starts[0] == policy.start(MESSAGES[0])
    assert len(set(starts)) == len(starts)
    assert len(starts[3]) > len(starts[1])


def check_nothing_to_sample(policy: Policy) -> None:
    assert policy.sample([], SHORT) == []


def check_completions(policy: Policy) -> None:
    """Lengths within the limit, one log-probability per token, honest stop reasons, no end of turn in the text."""
    for max_tokens in (1, 2, 12):
        sampling = Sampling(temperature=1.0, max_tokens=max_tokens)
        for completion in policy.sample(prompts(policy), sampling):
            _check_completion(policy, completion, max_tokens)


def check_deterministic(policy: Policy) -> None:
    for sampling in (SHORT, GREEDY):
        assert _ids(policy.sample(prompts(policy), sampling)) == _ids(policy.sample(prompts(policy), sampling))


def check_equal_keys(policy: Policy) -> None:
    """Equal ids and keys give equal completions within one call."""
    prompt = prompts(policy)[0]
    first, second = policy.sample([prompt, prompt], SHORT)
    assert first == second


def check_order_independent(policy: Policy) -> None:
    asked = prompts(policy)
    forward = _ids(policy.sample(asked, SHORT))
    assert _ids(policy.sample(asked[::-1], SHORT))[::-1] == forward
    interleaved = asked[::2] + asked[1::2]
    assert _ids(policy.sample(interleaved, SHORT)) == forward[::2] + forward[1::2]


def check_batch_independent(policy: Policy) -> None:
    asked = prompts(policy)
    together = _ids(policy.sample(asked, SHORT))
    assert [_ids(policy.sample([prompt], SHORT))[0] for prompt in asked] == together


def check_trunk_split(policy: Policy) -> None:
    """Where the prompt is cut into trunk and tail changes speed only."""
    whole = prompts(policy)
    expected = _ids(policy.sample(whole, SHORT))
    for cut in (1, 2, None):
        split = [
            Prompt(trunk=p.trunk[: cut or len(p.trunk) // 2], tail=p.trunk[cut or len(p.trunk) // 2 :], key=p.key)
            for p in whole
        ]
        assert _ids(policy.sample(split, SHORT)) == expected


def check_longer_limit_extends(policy: Policy) -> None:
    """A lower limit cuts a completion; it does not change the tokens before the cut."""
    asked = prompts(policy)
    short = policy.sample(asked, Sampling(temperature=1.0, max_tokens=4))
    long = policy.sample(asked, SHORT)
    assert [completion.token_ids[:4] for completion in long] == _ids(short)


def check_greedy_ignores_keys(policy: Policy) -> None:
    start = policy.start(MESSAGES[0])
    first, second = policy.sample([Prompt(trunk=start, key=1), Prompt(trunk=start, key=2)], GREEDY)
    assert first == second


def check_encode(policy: Policy, text: str = "7 + 3") -> None:
    """Ends as if sampled; nobody sampled it, so it has no log-probabilities."""
    completion = policy.encode(text)
    assert completion.text == text
    assert completion.stop is StopReason.END
    assert completion.token_ids
    assert len(completion.logprobs) == len(completion.token_ids)
    assert all(math.isnan(value) for value in completion.logprobs)


def check_follow(policy: Policy) -> None:
    """A missing end of turn is added once, before the same ids that follow a completion which has one."""
    ended = policy.encode("7 + 3")
    cut = Completion(
        token_ids=ended.token_ids[:-1], logprobs=ended.logprobs[:-1], text=ended.text, stop=StopReason.LENGTH
    )
    after_ended, after_cut = policy.follow(ended, REQUEST), policy.follow(cut, REQUEST)
    assert after_cut == ended.token_ids[-1:] + after_ended
    assert policy.follow(ended, "Another request.") != after_ended


def check_next_turn(policy: Policy) -> None:
    """A conversation can go on after what was sampled, whatever it was."""
    asked = prompts(policy)
    later = [
        Prompt(trunk=prompt.trunk, tail=said.token_ids + policy.follow(said, REQUEST), key=prompt.key)
        for prompt, said in zip(asked, policy.sample(asked, SHORT), strict=True)
    ]
    for completion in policy.sample(later, SHORT):
        _check_completion(policy, completion, SHORT.max_tokens)


ALL_CHECKS = (
    check_protocol,
    check_start,
    check_tools,
    check_nothing_to_sample,
    check_completions,
    check_deterministic,
    check_equal_keys,
    check_order_independent,
    check_batch_independent,
    check_trunk_split,
    check_longer_limit_extends,
    check_greedy_ignores_keys,
    check_encode,
    check_follow,
    check_next_turn,
)


def _check_completion(policy: Policy, completion: Completion, max_tokens: int) -> None:
    assert 1 <= len(completion.token_ids) <= max_tokens
    assert len(completion.logprobs) == len(completion.token_ids)
    assert all(math.isfinite(value) and value <= 1e-6 for value in completion.logprobs)
    end = policy.encode("").token_ids[-1]
    assert end not in completion.token_ids[:-1]
    if completion.stop is StopReason.LENGTH:
        assert len(completion.token_ids) == max_tokens
        assert completion.token_ids[-1] != end
    assert policy.encode("").text == ""


def _ids(completions: Sequence[Completion]) -> list[tuple[int, ...]]:
    return [completion.token_ids for completion in completions]
