"""What all settings share: texts are whole, and names of files are UTF-8."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from secondthought.config import EpisodeConfig, RunConfig, TaskConfig

HALF = "a\udcff"
"""What Python makes of a byte on the command line that is no UTF-8."""


def test_texts_of_settings_are_whole():
    assert EpisodeConfig(reflection_request=HALF).reflection_request == "a\ufffd"
    options = TaskConfig(options={"names": [HALF, 1], HALF: HALF}).options
    assert options == {"names": ["a\ufffd", 1], "a\ufffd": "a\ufffd"}
    assert RunConfig(episode={"retry_request": HALF}).model_dump_json()


def test_a_path_that_is_not_utf_8_is_refused():
    with pytest.raises(ValidationError, match="has a name that is not UTF-8; rename it"):
        RunConfig(run_dir=Path(HALF))
