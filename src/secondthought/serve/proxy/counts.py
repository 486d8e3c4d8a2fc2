"""What a proxy did since it began, in numbers that its operator sees."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from secondthought.serve.thinking import Thoughts


@dataclass(slots=True)
class Counts:
    """`Counts` are of requests: every one is answered, passed on, refused, or left by its client."""

    requests: int = 0
    passed_on: int = 0
    """Nothing in them could be checked, or they were for another path."""
    right_at_once: int = 0
    rescued: int = 0
    """A later try passed."""
    still_wrong: int = 0
    """No try passed, or none could be judged; the best was the answer."""
    refused: int = 0
    left: int = 0
    """The client went away before there was an answer."""
    stored: int = 0
    not_stored: int = 0
    """Failures that were to be stored and could not be: too long, no text, or right after redaction."""
    tokens: int = 0

    def saw(self, thoughts: Thoughts) -> None:
        """Count an episode."""
        passed = thoughts.ending == "passed"
        self.right_at_once += passed and len(thoughts.tries) == 1
        self.rescued += passed and len(thoughts.tries) > 1
        self.still_wrong += not passed
        self.tokens += thoughts.tokens

    def to_json(self) -> dict[str, int]:
        """Return the numbers by name."""
        return asdict(self)

    def says(self) -> str:
        """Return the numbers in a sentence.

        >>> Counts(requests=9, right_at_once=5, rescued=2, still_wrong=1, passed_on=1).says()
        '9 requests: 5 right at once, 2 rescued, 1 still wrong, 1 passed on, 0 refused; 0 failures stored'
        """
        kinds = ("right_at_once", "rescued", "still_wrong", "passed_on", "refused")
        parts = ", ".join(f"{getattr(self, name)} {name.replace('_', ' ')}" for name in kinds)
        return f"{self.requests} requests: {parts}; {self.stored} failures stored"
