"""A task on which a random model has luck: about half of all texts are right, so that groups are not flat."""

import hashlib

from secondthought.errors import TaskError
from secondthought.types import Message, Problem, Verdict

SPLITS = ("train", "validation", "test")


class Lucky:
    """Right or wrong by a hash of problem and text. Its oracle names a text that is right."""

    name = "lucky"
    reflection_request = "why?"

    def problems(self, split, count, seed):
        if count > 200:
            raise TaskError(f"task lucky: the {split} split holds 200 problems, not {count}")
        start = 1000 * SPLITS.index(split) + 7 * seed % 800
        return [self.parse({"n": number}) for number in range(start, start + count)]

    def parse(self, data):
        return Problem(
            id=f"lucky:{data['n']}",
            task=self.name,
            messages=(Message(role="user", content=f"{data['n']}?"),),
            data={"n": data["n"]},
        )

    def verify(self, problem, text):
        digest = hashlib.blake2b(f"{problem.id} {text}".encode(), digest_size=1).digest()
        correct = digest[0] % 2 == 0
        return Verdict(
            correct=correct, reward=float(correct), reason="correct" if correct else "wrong", well_formed=bool(text)
        )

    def gold(self, problem):
        return next(str(n) for n in range(1000) if self.verify(problem, str(n)).correct)

    def oracle_reflection(self, problem, attempt):
        return f"say {self.gold(problem)}"

    def contrary_reflection(self, problem, attempt):
        return "say nothing"

    def leak(self, problem, reflection):
        return "none"
