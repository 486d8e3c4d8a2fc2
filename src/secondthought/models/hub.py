"""A hub id is looked for once: whether the hub answers, and has the model, is known before anything is loaded.

The libraries below ask anew for each file, five times each, and say at the end that they could not connect.
"""

from __future__ import annotations

import functools
import logging
from pathlib import Path

from huggingface_hub import HfApi, constants, try_to_load_from_cache
from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError

from secondthought.errors import PolicyError, first_line
from secondthought.models.shipped import SHIPPED
from secondthought.spelling import suggestion

logger = logging.getLogger(__name__)

LOOK_S = 10.0
"""Longest look."""


def only_here(path: str | Path) -> bool:
    """Return whether the files of this machine must do: a directory, or a model of a hub that does not answer.

    Raises:
        PolicyError: the hub has no such model, or does not answer and the model is not on this machine.
    """
    name = str(path)
    if Path(name).is_dir():
        return True
    trouble = _trouble(name)
    if not trouble:
        return False
    if not isinstance(try_to_load_from_cache(name, "config.json"), str):
        raise PolicyError(
            f"{name}{suggestion(name, SHIPPED)}: is no directory here, was not downloaded before, and {trouble}; get it"
            f" where there is a network (hf download {name}) and give its directory, or mend the connection"
        )
    logger.warning("%s: %s; the copy on this machine is taken", name, trouble)
    return True


@functools.cache
def _trouble(name: str) -> str:
    """Return why the hub cannot be asked; empty where it answered that it has the model."""
    if constants.HF_HUB_OFFLINE:
        return "the hub is switched off (HF_HUB_OFFLINE)"
    try:
        HfApi().model_info(name, timeout=LOOK_S)
    except HFValidationError:
        raise PolicyError(f"{name}: is no directory here, and no hub id could be so called") from None
    except RepositoryNotFoundError:
        raise PolicyError(
            f"{name}: there is no such directory here and no such model on the hub{suggestion(name, SHIPPED)}; one that"
            " is private needs a token (HF_TOKEN)"
        ) from None
    except Exception as error:  # what a network does has no common class in the library's versions
        said = first_line(error)
        return f"the hub cannot be reached ({said})"
    return ""
