"""Commands that answer people share the words in which a model is asked to reflect."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from secondthought.config import Config, EpisodeConfig
from secondthought.config.play import Feedback
from secondthought.errors import ConfigError
from secondthought.serve.wording import DEFAULT, LANGUAGE, with_own


class AskedEpisode(EpisodeConfig):
    """Settings of an episode that people see: answers may be long, and a model is told what is known of its failure."""

    max_attempt_tokens: int = Field(1024, ge=1)
    """Longest first try and retry, in tokens."""
    max_reflection_tokens: int = Field(512, ge=1)
    """Longest reflection, in tokens."""
    feedback: Feedback = "detail"
    """Told of a failed try: that it failed; the verdict's reason; the check's own sentence (`detail`)."""


class WordingFlags(Config):
    """Flags that choose how a model is asked to reflect."""

    reflection: str | None = None
    """How to ask for a reflection: locate, gaps, inaccurate, improve, requirements, direction, or one of --requests;
    default: the check's own words where there is a check, else locate."""
    direction: str | None = None
    """With --reflection direction: what may be wrong, in your words."""
    language: str = LANGUAGE
    """Of these requests: en, zh, or one that --requests is written in."""
    requests: Path | None = None
    """A TOML file of requests of your own: [requests.NAME] with a text per language, and [retry]."""


def worded(given: WordingFlags, episode: EpisodeConfig, *, is_checked: bool, prog: str) -> EpisodeConfig:
    """Return the settings of an episode with the words that the flags choose.

    Args:
        given: the flags.
        episode: the settings; what they word themselves stays.
        is_checked: something else than the model says that a try failed, and words a request of its own.
        prog: the command, for errors.

    Raises:
        ConfigError: a request is chosen twice, or is not there.
    """
    if not is_checked:
        episode = episode.model_copy(update={"feedback": "failed"})  # nothing says what is wrong
    chosen = given.reflection or ("direction" if given.direction is not None else None)
    if chosen is not None and episode.reflection_request is not None:
        raise ConfigError(f"{prog}: --reflection and --episode.reflection-request both word the request; give one")
    if is_checked and chosen is None and given.requests is not None and given.language == LANGUAGE:
        raise ConfigError(f"{prog}: --requests goes with --reflection NAME: under a check its own words are used")
    is_own = is_checked and chosen is None and given.language == LANGUAGE
    if episode.reflection_request is not None or is_own:
        return episode
    wording = with_own(given.requests)
    texts = {"reflection_request": wording.reflection(chosen or DEFAULT, given.language, given.direction)}
    if episode.retry_request is None:
        texts["retry_request"] = wording.retry_in(given.language)
    return episode.model_copy(update=texts)
