"""Rules about the language of docstrings: what acts is named, and what a function does comes first."""

import ast
import re
from pathlib import Path

import pytest

SRC = Path(__file__).parent.parent / "src" / "secondthought"
FILES = sorted(SRC.rglob("*.py"))
PARTS = sorted({path.relative_to(SRC).parts[0] for path in FILES})
"""Folders and files directly below the package."""

VERBS = (Path(__file__).parent / "support" / "verbs.txt").read_text(encoding="utf-8").split()
"""Verbs in the imperative that a function's docstring may begin with; add one only after reading the docstring."""
SEE = re.compile(r"See `[\w.]+`\.")
"""A method that another's docstring describes points there and says no more."""
PRONOUNS = "it its they their this that these those what which who where when how why whether"
DETERMINERS = "one two three all each every both any some another no nothing everything"
PREPOSITIONS = "as of by with without within from in on for to at per under over"
BARE = {word for words in (PRONOUNS, DETERMINERS, PREPOSITIONS) for word in words.split()}
"""First words after which a reader still does not know what is spoken of."""
MOST_BARE = 0.02


def docstrings(paths, kinds):
    """Yield where each docstring stands, and its text."""
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, kinds) and (text := ast.get_docstring(node)):
                yield f"{path.relative_to(SRC)}:{getattr(node, 'lineno', 1)}", text


def first_words(text):
    """Return the first two words in lower case, without marks at their ends."""
    words = [word.strip(".,;:").lower() for word in text.split()[:2]]
    return words[0], words[-1]


def is_imperative(text):
    """Tell whether a docstring begins with a verb; "Hash of ..." begins with a noun that is also a verb."""
    verb, second = first_words(text)
    return bool(SEE.fullmatch(text)) or (verb in VERBS and second != "of")


def test_docstrings_name_what_they_speak_of():
    found = list(docstrings(FILES, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef))
    bare = [f"{place}: {text.splitlines()[0]}" for place, text in found if first_words(text)[0] in BARE]
    assert len(bare) <= MOST_BARE * len(found), (
        f"{len(bare)} of {len(found)} docstrings begin with a pronoun, preposition, determiner or question word:\n"
        + "\n".join(bare)
    )


@pytest.mark.parametrize("part", PARTS)
def test_a_function_says_what_it_does_in_the_imperative(part):
    paths = [path for path in FILES if path.relative_to(SRC).parts[0] == part]
    found = docstrings(paths, ast.FunctionDef | ast.AsyncFunctionDef)
    wrong = [f"{place}: {text.splitlines()[0]}" for place, text in found if not is_imperative(text)]
    assert not wrong, "these begin with no verb of tests/support/verbs.txt:\n" + "\n".join(wrong)


def test_verbs_are_listed_once_and_in_order():
    assert sorted(set(VERBS)) == VERBS


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("Return the policy.", True),
        ("Evaluate, print, and write if asked to.", True),
        ("See `Policy.sample`.", True),
        ("See the policy.", False),
        ("Hash of the vocabulary.", False),
        ("Returns the policy.", False),
        ("The policy of that path.", False),
        ("`count` distinct problems.", False),
    ],
)
def test_an_imperative_is_told_from_a_noun(text, holds):
    assert is_imperative(text) is holds
