"""A second thought in text: what is asked, what is kept, and how it ends."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondthought.config import EpisodeConfig
from secondthought.errors import TaskError
from secondthought.inference.scripted import ScriptedPolicy
from secondthought.inference.spelled import conversation
from secondthought.rollout.player import Keys, Player, Requests
from secondthought.rollout.reflect_retry import play
from secondthought.serve.thinking import Budget, NoAnswer, Spoken, think_twice
from secondthought.tasks import load
from secondthought.tasks.judging import judge
from secondthought.types import Message, Problem, TurnKind, Verdict, ids_before

PROBLEM = Problem(id="p", task="t", messages=(Message(role="user", content="Say yes."),), data={})


def verdict(text):
    right = text.endswith("yes")
    return Verdict(
        correct=right, reward=float(right), reason="correct" if right else "wrong", well_formed="?" not in text
    )


async def check(spoken):
    return verdict(spoken.text)


class Script:
    """Says what is written, one text a turn; an exception is raised, a number waits so many seconds."""

    def __init__(self, *texts, tokens=(10, 5)):
        self.texts, self.steps, self.tokens = list(texts), [], tokens

    async def say(self, step):
        self.steps.append(step)
        text = self.texts.pop(0)
        if isinstance(text, float):
            await asyncio.sleep(text)
            text = "late"
        if isinstance(text, Exception):
            raise text
        if isinstance(text, Spoken):
            return text
        return Spoken(text=text, prompt_tokens=self.tokens[0], answer_tokens=self.tokens[1])


def think(script, *, requests=None, check=check, problem=PROBLEM, seen=lambda turn: None, **budget):
    requests = requests or Requests(reflection="Why?", repeat_task=False)
    return asyncio.run(think_twice(problem, script, check, requests, Budget(**budget), seen))


def test_a_right_answer_is_left_alone():
    script = Script("yes")
    found = think(script, tries=5)
    assert (found.ending, len(found.turns), found.best.spoken.text) == ("passed", 1, "yes")
    assert script.steps[0].said == ()


def test_a_wrong_one_is_reflected_on_and_tried_again():
    script, seen = Script("no", "I said no.", "yes"), []
    found = think(script, seen=seen.append)
    assert found.ending == "passed"
    assert [turn.kind for turn in found.turns] == [TurnKind.ATTEMPT, TurnKind.REFLECTION, TurnKind.RETRY]
    assert tuple(seen) == found.turns
    assert [(said.role, said.content) for said in script.steps[-1].said] == [
        ("assistant", "no"),
        ("user", "Why?"),
        ("assistant", "I said no."),
        ("user", "Now try again."),
    ]


@given(st.lists(st.booleans(), min_size=1, max_size=6), st.sampled_from(["all", "reflection"]), st.booleans())
def test_a_conversation_is_that_of_an_episode(rights, sees, repeats):
    """What is asked in text is what `rollout` asks in tokens, read back from them."""
    config = EpisodeConfig(retry_sees=sees, repeat_task=repeats, feedback="detail")
    task = load("countdown", {"preset": "tiny"})
    [problem] = task.problems("train", 1, 0)
    texts = []
    for right in rights:
        texts += [task.gold(problem) if right else "no idea", "I must think."]
    left = iter(texts)
    policy = ScriptedPolicy(lambda messages, key: next(left))
    [episode] = play(
        Player.resolve(policy, task, config), [problem], num_tries=len(rights), keys=Keys(seed=0, phase="t")
    )
    script = Script(*texts)

    async def judged(spoken):
        return judge(task, problem, spoken.text)

    found = think(script, requests=Requests.resolve(task, config), check=judged, problem=problem, tries=len(rights))
    assert [turn.spoken.text for turn in found.turns] == [turn.completion.text for turn in episode.turns]
    for place, step in enumerate(script.steps):
        ids = ids_before(episode.turns[:place], episode.turns[place])
        asked = [(said.role, said.content) for said in conversation(ids).messages]
        noted = problem.messages[-1].content + (f"\n\n{step.note}" if step.note else "")
        own = [*((said.role, said.content) for said in problem.messages[:-1]), ("user", noted)]
        assert own + [(said.role, said.content) for said in step.said] == asked


@pytest.mark.parametrize(
    ("texts", "best"), [(["a", "r", "b"], "b"), (["a", "r", "b?"], "a"), (["a?", "r", "b?"], "b?")]
)
def test_where_none_passes_the_best_is_the_answer(texts, best):
    """Readable before unreadable, and of equals the latest, which saw what was wrong with the others."""
    found = think(Script(*texts))
    assert (found.ending, found.best.spoken.text) == ("tries", best)


@pytest.mark.parametrize(("tokens", "turns"), [(15, 1), (16, 2), (30, 2), (31, 3), (None, 3)])
def test_tokens_are_limited(tokens, turns):
    found = think(Script("no", "r", "no"), tokens=tokens)
    assert len(found.turns) == turns
    assert found.tokens == 15 * turns
    assert found.ending == ("tokens" if turns < 3 else "tries")


@pytest.mark.parametrize(
    ("texts", "ending", "turns"),
    [
        (["no", 60.0], "time", 1),
        (["no", "r", 60.0], "time", 2),
        (["no", NoAnswer("cut")], "lost", 1),
        (["no", "r", NoAnswer("cut")], "lost", 2),
    ],
)
def test_what_is_there_is_not_lost(texts, ending, turns):
    found = think(Script(*texts), seconds=0.05)
    assert (found.ending, len(found.turns), found.best.spoken.text) == (ending, turns, "no")
    assert found.trouble == ("cut" if ending == "lost" else "")


@pytest.mark.parametrize(("text", "says"), [(60.0, "no answer within 0.05 s"), (NoAnswer("cut"), "cut")])
def test_a_first_try_without_an_answer_is_none(text, says):
    with pytest.raises(NoAnswer, match=says):
        think(Script(text), seconds=0.05)


def test_a_try_whose_check_took_too_long_is_the_answer():
    async def slow(spoken):
        await asyncio.sleep(60)

    found = think(Script("no"), check=slow, seconds=0.05)
    assert (found.ending, found.best.spoken.text, found.best.verdict) == ("time", "no", None)


def test_a_refusal_is_not_argued_with():
    found = think(Script(Spoken(text="", refused="the model refused: no")))
    assert (found.ending, len(found.turns), found.best.verdict) == ("refused", 1, None)


def test_a_check_that_fails_itself_keeps_the_try():
    async def broken(spoken):
        raise TaskError("no such program")

    found = think(Script("no"), check=broken)
    assert (found.ending, found.trouble, found.best.spoken.text) == ("unchecked", "no such program", "no")
    assert found.best.verdict is None
