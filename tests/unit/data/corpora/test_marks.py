"""The definitions of problem and solution find their own examples, and only these."""

import pytest

from secondthought.data.corpora.piece_step import exercise_marks
from secondthought.habits.patterns import PatternDetector

EXAMPLES = [
    (mark, text, found)
    for mark in exercise_marks()
    for texts, found in ((mark.examples.positive, True), (mark.examples.negative, False))
    for text in texts
]


@pytest.mark.parametrize(("mark", "text", "found"), EXAMPLES, ids=[f"{m.name}-{t[:30]}" for m, t, _ in EXAMPLES])
def test_examples(mark, text, found):
    assert bool(PatternDetector([mark]).read(text).counts[mark.name]) is found
