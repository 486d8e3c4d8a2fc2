"""Requests for a reflection as data: ours, a user's own, and what is wrong with either."""

import re

import pytest

from secondthought.errors import ConfigError
from secondthought.serve.wording import DIRECTION_HERE, shipped, with_own


def own(tmp_path, text):
    path = tmp_path / "own.toml"
    path.write_text(text, encoding="utf-8")
    return with_own(path)


def test_all_that_ship_are_written_in_both_languages():
    wording = shipped()
    assert {"en", "zh"} <= set(wording.retry)
    for name, texts in wording.requests.items():
        assert set(texts) == {"en", "zh"}, name
        assert len(set(texts.values())) == 2
        assert len({DIRECTION_HERE in text for text in texts.values()}) == 1


def test_a_direction_takes_its_place():
    text = shipped().reflection("direction", "en", " You left out the risk. ")
    assert "flaw: You left out the risk. Reconsider" in text


def test_own_requests_are_added_and_replace(tmp_path):
    wording = own(
        tmp_path, '[requests.mine]\nen = "Look."\n[requests.gaps]\nde = "Lücken?"\n[retry]\nde = "Noch einmal."'
    )
    assert wording.reflection("mine", "en") == "Look."
    assert wording.reflection("gaps", "de") == "Lücken?"
    assert wording.reflection("gaps", "en") == shipped().reflection("gaps", "en")
    assert wording.retry_in("de") == "Noch einmal."


@pytest.mark.parametrize(
    ("name", "language", "direction", "says"),
    [
        ("locat", "en", None, "there is no reflection request 'locat' (did you mean 'locate'?)"),
        ("locate", "fr", None, "the reflection request 'locate' is not written in 'fr'; it is in en, zh"),
        ("direction", "en", "  ", "needs a direction"),
        ("locate", "en", "x", "takes no direction"),
    ],
)
def test_what_cannot_be_had_is_said(name, language, direction, says):
    with pytest.raises(ConfigError, match=re.escape(says)):
        shipped().reflection(name, language, direction)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[request.mine]\nen = 'x'", "unknown table 'request'"),
        ("requests = 3", "'requests' must hold tables"),
        ("[requests]\nmine = 'x'", "requests.mine must be a table of texts by language"),
        ("[retry]\nen = ''", "retry must be a table of texts by language"),
        ("[requests.mine", "own.toml"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, text, says):
    with pytest.raises(ConfigError, match=says):
        own(tmp_path, text)
