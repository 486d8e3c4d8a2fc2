from importlib import resources

import pytest

from secondthought.errors import ConfigError
from secondthought.habits import catalog, phrases
from secondthought.habits.patterns import PatternDetector
from secondthought.types import HABITS, Thought

GOOD = """
name = "haste"
definition = "The writer hurries."
[examples]
positive = ["Quick, the answer is 3."]
[[patterns]]
literals = ["quick"]
match = '^quick,'
"""


def test_the_four_habits_ship_in_their_order_and_what_else_is_listed():
    assert tuple(behavior.name for behavior in catalog.shipped()) == catalog.SHIPPED
    assert catalog.SHIPPED[: len(HABITS)] == HABITS
    files = (resources.files("secondthought.habits") / "shipped").iterdir()
    assert sorted(file.name.removesuffix(".toml") for file in files) == sorted(catalog.SHIPPED)


def test_a_file_of_an_earlier_version_says_anchors():
    assert catalog.parse(GOOD.replace("literals", "anchors"), "old.toml") == catalog.parse(GOOD, "new.toml")


@pytest.mark.parametrize("behavior", catalog.shipped(), ids=lambda behavior: behavior.name)
def test_a_shipped_behavior_keeps_its_own_examples(behavior):
    detector = PatternDetector([behavior])
    found = {text: detector.read(text).counts[behavior.name] for text in behavior.examples.positive}
    assert found == dict.fromkeys(behavior.examples.positive, 1)
    wrong = [text for text in behavior.examples.negative if detector.read(text).counts[behavior.name]]
    assert not wrong
    assert len(behavior.examples.positive) >= 5
    assert len(behavior.examples.negative) >= 5


def test_a_users_file_is_found_without_touching_code(tmp_path):
    (tmp_path / "haste.toml").write_text(GOOD, encoding="utf-8")
    detector = PatternDetector(catalog.load([tmp_path]))
    assert detector.behaviors == ("haste",)
    texts = ["Slow. QUICK, it is 3. Be quick.", "Be quick."]
    readings = detector.detect([Thought(text=text) for text in texts])
    assert [reading.counts["haste"] for reading in readings] == [1, 0]
    assert readings[0].spans[0].text == "QUICK, it is 3."


def test_a_match_may_be_a_list_of_which_one_suffices(tmp_path):
    path = tmp_path / "two.toml"
    path.write_text(GOOD.replace("match = '^quick,'", "match = ['^quick!', 'quick[.]$']"), encoding="utf-8")
    detector = PatternDetector([catalog.read(path)])
    assert [detector.read(text).counts["haste"] for text in ("Be quick.", "Quick, now!")] == [1, 0]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (('name = "haste"', ""), "name: is missing; add it"),
        (('name = "haste"', 'name = "In Haste"'), "name: must be lower-case"),
        (('definition = "The writer hurries."', 'definition = ""'), "definition: "),
        (("match = '^quick,'", "match = '(quick'"), "patterns.0.match"),
        (("match = '^quick,'", "match = '(quick'"), "is not a regular expression"),
        (("match = '^quick,'", "match = 'x*'"), "matches the empty text"),
        (("match = '^quick,'", "match = '{HURRY}'"), "knows no phrases {HURRY}"),
        (('literals = ["quick"]', "literals = []"), "patterns.0.literals"),
        (('literals = ["quick"]', 'literals = [" "]'), "is empty"),
        (('literals = ["quick"]', ""), "patterns.0.literals: is missing; add it"),
        (('literals = ["quick"]', 'anchors = [" "]'), "patterns.0.anchors.0: is empty"),
        (("match = '^quick,'", "match = '^quick,'\nanchors = ['quick']"), "anchors: is not a known field"),
        (("[examples]", "[exampels]"), "exampels: is not a known field"),
        (("[examples]", "[examples"), "is not valid TOML"),
    ],
)
def test_a_fault_is_one_sentence_that_names_file_and_field(tmp_path, change, says):
    path = tmp_path / "mine.toml"
    path.write_text(GOOD.replace(*change), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        catalog.read(path)
    assert says in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_or_not_utf_8(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        catalog.read(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"')
    with pytest.raises(ConfigError, match="is not UTF-8"):
        catalog.read(tmp_path / "latin.toml")


def test_two_files_of_one_name_are_refused(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.toml").write_text(GOOD, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"b\.toml: name: 'haste' is also in .*a\.toml"):
        catalog.load([tmp_path])


def test_phrases_leave_a_regular_expressions_own_braces_alone():
    assert phrases.expand(r"a{2,3}\d{4}") == r"a{2,3}\d{4}"
    assert "{" not in phrases.expand("{FILLER}")
