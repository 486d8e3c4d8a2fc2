"""A trained checkpoint goes to a model hub: what loads it and its model card, not what a run resumes from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from secondthought.errors import RunError, first_line

LEFT_OUT = ("optimizer/*", "critic/*", "trainer.json")
"""Files of a checkpoint that only training reads."""


def check(repo: str) -> None:
    """Ask the hub who we are, before there is anything to send.

    Args:
        repo: `USER/NAME`.

    Raises:
        RunError: the name is no repository's, the hub cannot be reached, or it knows no key of ours.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.utils._validators import validate_repo_id

    with _sentences(repo):
        validate_repo_id(repo)
        HfApi().whoami()


def push(checkpoint: Path, repo: str, *, private: bool = False) -> str:
    """Send a checkpoint to a repository of a hub, which is made where there is none; return its address.

    Args:
        checkpoint: a directory that holds a model or an adapter.
        repo: `USER/NAME`.
        private: whether a new repository is seen by its owner only.

    Raises:
        RunError: the hub refuses it or cannot be reached; nothing here is lost.
    """
    from huggingface_hub import HfApi

    api = HfApi()
    with _sentences(repo):
        made = api.create_repo(repo, private=private, exist_ok=True)
        api.upload_folder(
            folder_path=checkpoint,
            repo_id=made.repo_id,
            ignore_patterns=list(LEFT_OUT),
            commit_message="Model trained by secondthought",
        )
    return str(made)


@contextmanager
def _sentences(repo: str) -> Iterator[None]:
    """Turn what the hub's library raises into one sentence.

    Raises:
        RunError: in place of any error of the hub, of the network, or of a name.
    """
    import httpx2
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        LocalTokenNotFoundError,
        OfflineModeIsEnabled,
    )

    try:
        yield
    except HFValidationError as error:
        raise RunError(f"--push {repo}: is no name of a repository: {first_line(error)}") from None
    except LocalTokenNotFoundError:
        raise RunError(f"--push {repo}: the hub's key is missing; run `hf auth login`, or set HF_TOKEN") from None
    except OfflineModeIsEnabled:
        raise RunError(f"--push {repo}: HF_HUB_OFFLINE is set, and sending needs the hub; unset it") from None
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else "none"
        hint = "; is the key right, and may it write there?" if status in (401, 403) else ""
        raise RunError(f"--push {repo}: the hub answered {status}{hint}: {first_line(error)}") from None
    except (httpx2.HTTPError, OSError) as error:
        raise RunError(f"--push {repo}: the hub cannot be reached: {first_line(error)}") from None
