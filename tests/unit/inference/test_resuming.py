"""A measurement that is interrupted anywhere and begun again is the one that was not, and samples nothing twice."""

import itertools

import pytest
from policy_contract import ALL_CHECKS

from secondthought.config import EpisodeConfig
from secondthought.errors import RunError
from secondthought.evaluate import evaluate, play_controls
from secondthought.inference.resuming import SAMPLES, KeptSamples, drop_samples, resumable
from secondthought.inference.scripted import ScriptedPolicy
from secondthought.rollout.mining import fingerprint, mine
from secondthought.rollout.player import Keys, Player
from secondthought.tasks import load
from secondthought.tasks.countdown.script import countdown_answers
from secondthought.types import Completion, Prompt, Sampling, StopReason

TASK = load("countdown", {"preset": "tiny"})
KEYS = Keys(seed=0, phase="test")


class Stopping(ScriptedPolicy):
    """Answers as the script does, in batches of at most `batch`; Ctrl-C comes before the batch numbered `stop`."""

    def __init__(self, stop=None, batch=7, name="scripted"):
        super().__init__(countdown_answers(first_try=0.5), name=name)
        self.stop, self.batch, self.asked = stop, batch, []

    def flow(self):
        return _OneBatch(self)

    def sample(self, prompts, sampling):
        if self.stop is not None and len(self.asked) == self.stop:
            raise KeyboardInterrupt
        self.asked.append([(prompt.ids, prompt.key, sampling) for prompt in prompts])
        return super().sample(prompts, sampling)


class _OneBatch:
    """A flow that samples a few of what waits at a time, as one that keeps rows in flight does."""

    def __init__(self, policy):
        self.policy, self.waiting, self.tickets = policy, [], itertools.count()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def add(self, prompts, sampling):
        added = [(next(self.tickets), prompt, sampling) for prompt in prompts]
        self.waiting += added
        return [ticket for ticket, _, _ in added]

    def step(self):
        sampling = self.waiting[0][2]
        batch = [item for item in self.waiting if item[2] == sampling][: self.policy.batch]
        self.waiting = [item for item in self.waiting if item not in batch]
        found = self.policy.sample([prompt for _, prompt, _ in batch], sampling)
        return [(ticket, done) for (ticket, _, _), done in zip(batch, found, strict=True)]


class Rounds(Stopping):
    """One that cannot fly: whole rounds are sampled."""

    flow = None


def measured(policy):
    """First and second tries, and the controls: all that `eval --controls` plays."""
    player = Player.resolve(policy, TASK, EpisodeConfig())
    found = evaluate(player, TASK.problems("test", 12, 0), num_tries=2, keys=KEYS)
    controls = play_controls(player, found.failures, keys=KEYS, reflections=found.reflections)
    return found, controls


def mined_by(policy):
    player = Player.resolve(policy, TASK, EpisodeConfig())
    return mine(player, TASK.problems("train", 10, 0), tries=3, keys=KEYS)


def samples_of(policy):
    return [item for batch in policy.asked for item in batch]


@pytest.mark.parametrize("done", [0, 0.01, 0.1, 0.3, 0.5, 0.8, 0.99])
def test_interrupted_anywhere_and_begun_again(tmp_path, done):
    whole, expected = Stopping(), measured(Stopping())
    with resumable(whole, tmp_path / f"whole{SAMPLES}") as policy:
        assert measured(policy) == expected
    stop = int(done * len(whole.asked))
    path = tmp_path / f"a{SAMPLES}"
    first = Stopping(stop)
    with pytest.raises(KeyboardInterrupt), resumable(first, path) as policy:
        measured(policy)
    second = Stopping()
    with resumable(second, path) as policy:
        assert measured(policy) == expected
    assert len(first.asked) == stop
    both = samples_of(first) + samples_of(second)
    assert len(set(both)) == len(both)
    assert set(both) == set(samples_of(whole))


def test_a_policy_that_cannot_fly_loses_a_round_at_most(tmp_path):
    path = tmp_path / f"a{SAMPLES}"
    first, second = Rounds(2), Rounds()
    with pytest.raises(KeyboardInterrupt), resumable(first, path) as policy:
        measured(policy)
    with resumable(second, path) as policy:
        assert measured(policy) == measured(Rounds())
    assert not set(samples_of(first)) & set(samples_of(second))


def test_nothing_is_sampled_the_second_time(tmp_path):
    path = tmp_path / f"a{SAMPLES}"
    for expected in (True, False):
        own = Stopping()
        with resumable(own, path) as policy:
            mined = mined_by(policy)
        assert bool(own.asked) is expected
    assert mined == mine(
        Player.resolve(Stopping(), TASK, EpisodeConfig()), TASK.problems("train", 10, 0), tries=3, keys=KEYS
    )
    assert fingerprint(policy) == fingerprint(own)


@pytest.mark.parametrize("check", ALL_CHECKS, ids=lambda check: check.__name__)
def test_it_is_a_policy_as_others_are(tmp_path, check):
    with resumable(ScriptedPolicy(countdown_answers()), tmp_path / f"a{SAMPLES}") as policy:
        check(policy)


PROMPT, SHORT = Prompt(trunk=(1, 2), key=5), Sampling(max_tokens=4)
DONE = Completion(token_ids=(3, 4), logprobs=(-0.1, -1e-17), text="ab\ud83d", stop=StopReason.LENGTH)


def test_what_is_kept_is_read_as_it_was(tmp_path):
    kept = KeptSamples(tmp_path / "a", "me")
    kept.add([(PROMPT, SHORT, DONE)])
    again = KeptSamples(tmp_path / "a", "me")
    assert again.find(PROMPT, SHORT) == DONE
    assert again.find(Prompt(trunk=(1,), tail=(2,), key=5), SHORT) == DONE
    for other in (Prompt(trunk=(1, 2), key=6), Prompt(trunk=(1, 3), key=5)):
        assert again.find(other, SHORT) is None
    for way in (Sampling(max_tokens=5), Sampling(max_tokens=4, temperature=0.5), Sampling(max_tokens=4, adapter=False)):
        assert again.find(PROMPT, way) is None


@pytest.mark.parametrize(
    "text",
    ["", "{}\n", '{"made_by": "you"}\n', '{"made_by": "me"}\n[1]\n', '{"made_by": "me"}\n{"of": "x"}\n', "\0\n"],
)
def test_a_file_that_is_not_ours_is_begun_anew(tmp_path, text):
    path = tmp_path / "a"
    path.write_text(text)
    kept = KeptSamples(path, "me")
    assert kept.number == 0
    kept.add([(PROMPT, SHORT, DONE)])
    assert KeptSamples(path, "me").find(PROMPT, SHORT) == DONE


def test_half_a_line_is_cut_off(tmp_path):
    kept = KeptSamples(tmp_path / "a", "me")
    kept.add([(PROMPT, SHORT, DONE), (Prompt(trunk=(9,), key=1), SHORT, DONE)])
    whole = (tmp_path / "a").read_bytes()
    (tmp_path / "a").write_bytes(whole[:-9])
    again = KeptSamples(tmp_path / "a", "me")
    assert again.number == 1
    again.add([(Prompt(trunk=(9,), key=1), SHORT, DONE)])
    assert (tmp_path / "a").read_bytes() == whole


def test_other_weights_begin_anew(tmp_path):
    class Weighed(Stopping):
        digest = "a"

        def weights_digest(self):
            return self.digest

    path = tmp_path / f"a{SAMPLES}"
    first, same, other = Weighed(), Weighed(), Weighed()
    other.digest = "b"
    for own, asks in ((first, True), (same, False), (other, True)):
        with resumable(own, path) as policy:
            measured(policy)
        assert bool(own.asked) is asks


def test_a_disk_that_refuses_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="file"):
        KeptSamples(tmp_path / "file/a", "me").add([(PROMPT, SHORT, DONE)])
    with pytest.raises(RunError, match="no plain file"):
        KeptSamples(tmp_path, "me")


def test_only_samples_are_dropped(tmp_path):
    for name in ("a.samples", "b.jsonl"):
        (tmp_path / name).write_text("")
    drop_samples(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["b.jsonl"]


def test_without_a_path_nothing_is_kept():
    own = Stopping()
    with resumable(own, None) as policy:
        assert policy is own
