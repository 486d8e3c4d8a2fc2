"""A world of one digit per turn, and a tiny model that has learned its manners but not its answer.

    A | 4 | why | 7 | again | 7        problem, attempt, request, reflection, request, retry: one sampled token each

The model is taught, in seconds, to say any digit as attempt and as reflection, and to repeat the reflection's digit as
retry. Which digit is right it is never told: one in ten tries is. Only a reward can teach it.
"""

import torch
import transformers as hf
from small_runs import with_tries
from tiny_models import byte_tokenizer

from secondthought.config import overlay, resolve
from secondthought.inference.local import LocalPolicy
from secondthought.rollout.player import WRONG_ANSWER
from secondthought.types import Message, Problem, Verdict

RIGHT = "7"
TEMPLATE = "{% for message in messages %}{{ message.content }}<|im_end|>{% endfor %}"
SPLITS = {"train": "ABCDEFGHIJKLMNOP", "validation": "abcdefgh", "test": "qrstuvwx"}


class Digits:
    """Every problem is a letter, and the right answer to each of them is the same digit."""

    name = "digits"
    reflection_request = "w"

    def problems(self, split, count, seed):
        return [self.parse({"letter": letter}) for letter in SPLITS[split][:count]]

    def parse(self, data):
        messages = (Message(role="user", content=data["letter"]),)
        return Problem(id=f"digits:{data['letter']}", task=self.name, messages=messages, data=dict(data))

    def verify(self, problem, text):
        right = text == RIGHT
        return Verdict(correct=right, reward=float(right), reason="correct" if right else "wrong", well_formed=True)

    def gold(self, problem):
        return RIGHT


def listener(directory, steps=600):
    """Teach a random tiny model the manners of this world and save it."""
    torch.manual_seed(0)
    policy = LocalPolicy(hf.Qwen2ForCausalLM(CONFIG), byte_tokenizer(template=TEMPLATE), name="listener")
    optimizer = torch.optim.AdamW(policy.model.parameters(), lr=4e-3)
    generator = torch.Generator().manual_seed(0)
    forms = {reflected: _Form(policy, reflected=reflected) for reflected in (False, True)}
    for step in range(steps):
        ids, places, wanted = forms[step % 5 > 0].batch(generator)
        logits = policy.model(ids).logits[:, places]
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), wanted.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    policy.save(directory)


CONFIG = hf.Qwen2Config(
    vocab_size=272,
    hidden_size=32,
    intermediate_size=32,
    num_hidden_layers=2,
    num_attention_heads=2,
    num_key_value_heads=2,
    max_position_embeddings=128,
    bos_token_id=None,
    eos_token_id=258,
    pad_token_id=256,
    initializer_range=0.1,
)


def conversation(policy, letter, *turns):
    """Ids of a problem and of pairs (digit, request that follows it), up to where the next digit is due."""
    ids = policy.start((Message(role="user", content=letter),))
    for digit, request in turns:
        said = policy.encode(digit)
        ids += said.token_ids + policy.follow(said, request)
    return ids


class _Form:
    """Conversations of one form; a retry repeats the reflection."""

    def __init__(self, policy, *, reflected):
        turns = [("0", "w"), ("0", "r")] if reflected else [("0", f"{WRONG_ANSWER} r")]
        self.places = [len(conversation(policy, "A", *turns[:count])) for count in range(len(turns) + 1)]
        self.example = torch.tensor([conversation(policy, "A", *turns)])
        self.letters = torch.tensor([policy.encode(letter).token_ids[0] for letter in "".join(SPLITS.values())])
        self.zero = policy.encode("0").token_ids[0]

    def batch(self, generator, size=16):
        """Conversations, the positions before their digits, and the digits."""
        ids = self.example.repeat(size, 1)
        ids[:, 0] = self.letters[torch.randint(len(self.letters), (size,), generator=generator)]
        digits = self.zero + torch.randint(10, (size, 2), generator=generator)
        wanted = torch.cat([digits, digits[:, 1:]], dim=1)[:, : len(self.places)]
        for place, said in zip(self.places[:-1], wanted.unbind(1), strict=False):
            ids[:, place] = said
        return ids, [place - 1 for place in self.places], wanted


SETTINGS = {
    "threads": 1,
    "task": {"name": "digits:Digits", "train_problems": 16},
    "model": {"device": "cpu"},
    "episode": {"max_attempt_tokens": 1, "max_reflection_tokens": 1, "repeat_task": False, "retry_request": "r"},
    "algorithm": {"group_size": 8, "kl_ref": 0.0},
    "optim": {"lr": 2e-3, "warmup_steps": 0},
    "train": {
        "steps": 30,
        "groups_per_step": 16,
        "eval_every": 30,
        "eval_problems": 8,
        "checkpoint_every": 1000,
    },
    "evaluation": {"problems": 8, "temperatures": [1.0], "checkpoint": "last", "controls": False},
}


def config(run_dir, model, **changes):
    base = overlay(SETTINGS, {"run_dir": str(run_dir), "model": {"path": str(model)}})
    return resolve(overlay(with_tries(base, changes), changes), source="test")
