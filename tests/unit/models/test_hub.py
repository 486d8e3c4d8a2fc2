"""A hub id is looked for once, and what comes of it is one sentence."""

import httpx2
import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError

from secondthought.errors import PolicyError
from secondthought.models import hub
from secondthought.models.local import LocalModel
from secondthought.models.shipped import why_missing


@pytest.fixture
def looked(monkeypatch):
    """What was looked for; the look ends as `looked.end` says."""

    class Looks(list):
        end = None

    found = Looks()

    def model_info(self, name, **given):
        found.append(name)
        if found.end is not None:
            raise found.end

    monkeypatch.setattr(HfApi, "model_info", model_info)
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", False)
    hub._trouble.cache_clear()
    yield found
    hub._trouble.cache_clear()


def missing(name):
    request = httpx2.Request("GET", f"https://hub/{name}")
    return RepositoryNotFoundError("404", response=httpx2.Response(404, request=request))


def test_a_directory_is_not_looked_for(looked, tmp_path):
    assert hub.only_here(tmp_path)
    assert looked == []


def test_a_model_that_the_hub_has_is_loaded_from_there(looked):
    assert not hub.only_here("somebody/some-model")
    assert not hub.only_here("somebody/some-model")
    assert looked == ["somebody/some-model"]


def test_without_a_network_there_is_one_look_and_the_sentence_says_how_to_get_it(looked):
    looked.end = httpx2.ConnectError("no name")
    for _ in range(2):
        with pytest.raises(PolicyError, match=r"cannot be reached \(no name\); get it .*hf download somebody"):
            LocalModel.load("somebody/some-model")
    assert looked == ["somebody/some-model"]


def test_without_a_network_the_copy_on_this_machine_is_taken(looked, monkeypatch, caplog):
    looked.end = TimeoutError()
    monkeypatch.setattr(hub, "try_to_load_from_cache", lambda name, file: "/cache/config.json")
    assert hub.only_here("somebody/some-model")
    assert "the copy on this machine is taken" in caplog.text


def test_a_hub_that_is_switched_off_is_not_asked(looked, monkeypatch):
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(PolicyError, match="HF_HUB_OFFLINE"):
        hub.only_here("somebody/some-model")
    assert looked == []


@pytest.mark.parametrize(
    ("end", "said"),
    [(missing("a/b"), "no such model on the hub"), (HFValidationError("bad"), "no hub id could be so called")],
)
def test_what_the_hub_does_not_have(looked, end, said):
    looked.end = end
    with pytest.raises(PolicyError, match=said):
        hub.only_here("a/b")


@pytest.mark.parametrize("name", ["smal", "Small", "tersee", "ritch"])
def test_a_mistyped_shipped_name_is_told_without_a_look(looked, name):
    with pytest.raises(PolicyError, match="did you mean"):
        LocalModel.load(name)
    assert looked == []
    assert why_missing("gpt2") == ""
