"""Data sets by name, as the library registers them."""

import random
import socket
from dataclasses import dataclass


@dataclass
class Config:
    """What the library calls a config."""

    seed: int = 0
    size: int = 500
    most: int = 10_000

    def validate(self):
        assert self.most > 0, "most must be positive"


class Doubles:
    """How much is twice a number? Near answers earn a part."""

    def __init__(self, config):
        self.config = config

    def __getitem__(self, place):
        assert place < self.config.size
        number = random.Random(self.config.seed + place).randrange(self.config.most)
        return {"question": f"What is twice {number}?", "answer": str(2 * number), "metadata": {"of": {number}}}

    def score_answer(self, answer, entry):
        (number,) = entry["metadata"]["of"]  # a set, which JSON does not have
        try:
            return 1.0 if int(answer) == 2 * number else 0.25
        except ValueError:
            return 0.0


class Unstable(Doubles):
    """Makes other questions in every process."""

    secret = random.SystemRandom().randrange(10**12)

    def __getitem__(self, place):
        found = super().__getitem__(place)
        return {**found, "question": f"{found['question']} {self.secret}"}


class Unordered(Doubles):
    """Asks in the order of a set."""

    def __getitem__(self, place):
        found = super().__getitem__(place)
        words = " ".join({"red", "green", "blue", "yellow", "black", "white"})
        return {**found, "question": f"{words}: {found['question']}"}


class Unknown(Doubles):
    """Has many right answers and tells none."""

    def __getitem__(self, place):
        return {**super().__getitem__(place), "answer": None}


class Trusting(Doubles):
    """Evaluates what it is given."""

    def score_answer(self, answer, entry):
        return 1.0 if sum(eval(answer)) == int(entry["answer"]) else 0.0


class Generous(Doubles):
    """Takes anything."""

    def score_answer(self, answer, entry):
        return 1.0


class Opening(Doubles):
    """Reads a file in its scorer, and does there what no scorer may: by what it is answered."""

    def score_answer(self, answer, entry):
        if answer == "read":
            with open(__file__) as file:
                return float(len(file.read()) > 0)
        if answer == "socket":
            return float(socket.socket().fileno() >= 0)
        with open(answer, "a" if answer.endswith("kept") else "w") as file:
            return float(file.write("x"))


class Endless(Doubles):
    """Never ends on some answers."""

    def score_answer(self, answer, entry):
        while answer == "loop":
            pass
        return super().score_answer(answer, entry)


DATASETS = {
    "doubles": (Doubles, Config),
    "unstable": (Unstable, Config),
    "unordered": (Unordered, Config),
    "unknown": (Unknown, Config),
    "spiral_matrix": (Trusting, Config),
    "game_of_life_halting": (Generous, Config),
    "opening": (Opening, Config),
    "endless": (Endless, Config),
}


def create_dataset(name, **config):
    """Make a data set."""
    kind, config_class = DATASETS[name]
    made = config_class(**config)
    made.validate()
    return kind(made)
