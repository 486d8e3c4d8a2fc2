"""A task of one's own: write a word backwards.

The checker is `verify`. The rest says which problems there are, and which split each belongs to.
"""

from collections.abc import Mapping
from itertools import product
from typing import Any

from secondthought import Message, Problem, TaskError, Verdict
from secondthought.rng import stream
from secondthought.tasks.extract import tagged
from secondthought.tasks.options import split_of
from secondthought.types import Split


class Backwards:
    """Write a word backwards."""

    name = "backwards"
    reflection_request = "That was wrong. In one sentence, what went wrong, and what will you do better?"

    def __init__(self, length: int = 4) -> None:
        self.words = ["".join(letters) for letters in product("abcdefgh", repeat=length)]

    def problems(self, split: Split, count: int, seed: int) -> list[Problem]:
        """`count` distinct words of a split; a hash of the word decides the split, never the seed."""
        held = [word for word in self.words if split_of(word) == split]
        if count > len(held):
            raise TaskError(f"task backwards: the {split} split holds {len(held)} words, not {count}")
        return [self.parse({"word": word}) for word in stream("backwards", split, seed).sample(held, count)]

    def parse(self, data: Mapping[str, Any]) -> Problem:
        """A problem from its JSON."""
        word = data.get("word")
        if not isinstance(word, str):
            raise TaskError("backwards problem: 'word' must be a text")
        text = f"Write {word} backwards. Put the answer in <answer> </answer> tags."
        message = Message(role="user", content=text)
        return Problem(id=f"backwards:{word}", task=self.name, messages=(message,), data={"word": word})

    def verify(self, problem: Problem, text: str) -> Verdict:
        """The checker: any text gets a verdict."""
        answer = tagged(text)
        if answer is None:
            return Verdict(correct=False, reward=0.0, reason="no_answer", well_formed=False)
        correct = answer.strip() == problem.data["word"][::-1]
        return Verdict(
            correct=correct, reward=float(correct), reason="correct" if correct else "wrong", well_formed=True
        )

    def gold(self, problem: Problem) -> str | None:
        """A right answer."""
        return f"<answer> {problem.data['word'][::-1]} </answer>"


def main() -> None:
    """Judge three answers to one problem."""
    task = Backwards()
    [problem] = task.problems("train", 1, seed=0)
    print(problem.messages[0].content)
    for text in (task.gold(problem) or "", "<answer> no idea </answer>", "I forgot the tags"):
        print(f"{task.verify(problem, text).reason:10} {text}")


if __name__ == "__main__":
    main()
