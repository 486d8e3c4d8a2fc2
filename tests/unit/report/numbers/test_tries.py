"""Problems played twice: each turnout is counted, and one of each is chosen by a rule."""

from secondthought.report.numbers.tries import compare_tries


def row(name, *solved, reflected=False):
    turns = [{"kind": "attempt", "verdict": {"correct": right}} for right in solved]
    return {"problem_id": name, "turns": [*turns, *([{"kind": "reflection"}] if reflected else [])]}


def test_one_of_each_turnout_is_chosen_and_those_with_a_reflection_first():
    firsts = [row("a", False), row("b", True), row("c", False), row("d", True), row("e", False), row("gone", True)]
    seconds = [row("a", False, True), row("b", False), row("c", False, True, reflected=True), row("d", True)]
    found = compare_tries(firsts, [*seconds, row("e", False, False, True), row("new", True)])
    assert dict(found.counts) == {"second only": 2, "first only": 1, "both": 1, "neither": 1}
    assert [(item.turnout, item.second["problem_id"]) for item in found.chosen] == [
        ("second only", "c"),
        ("first only", "b"),
        ("neither", "e"),
    ]


def test_where_turnouts_are_missing_others_fill_their_places():
    rows = [row(name, True) for name in "abcd"]
    found = compare_tries(rows, rows)
    assert [item.second["problem_id"] for item in found.chosen] == ["a", "b", "c"]
    assert compare_tries(rows, []).chosen == []
    assert compare_tries([row("a")], [row("a", True)]).chosen == []
