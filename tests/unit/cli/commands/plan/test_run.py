"""`plan` reads what `train` reads, and says what the run will need."""

from gguf_files import gguf_model, write_gguf

from secondthought.models.gguf.cache import checkpoint_of

TINY = """
[task.options]
preset = "tiny"
[episode]
max_attempt_tokens = 20
max_reflection_tokens = 10
[train]
steps = 3
groups_per_step = 2
"""


def test_a_plan_as_json(cli, tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(TINY, "utf-8")
    found = cli("plan", path, "--train.steps", "7", "--first-try", "0.5", "--json").object
    assert found["tokens"]["steps"] == 7
    assert found["assumed"]["first_try"] == 0.5
    assert found["model"]["stored"]["parameters"] == found["model"]["parameters"]
    assert found["machine"]["fits"] is True
    assert found["memory"]["need"] > max(found["memory"]["peaks"].values())
    assert found["time"]["run"]["all"] > 0
    assert "measured" not in found


def test_a_plan_for_people_says_whether_it_fits(cli, tmp_path, monkeypatch):
    from secondthought.preflight.resources import inputs as reading

    path = tmp_path / "tiny.toml"
    path.write_text(TINY, "utf-8")
    assert ": fits (" in cli("plan", path).out
    monkeypatch.setattr(reading, "machine_memory", lambda device: {"total": 10**6, "free": 10**6})
    out = cli("plan", path).out
    assert "does not fit" in out
    assert "lower it by:" in out


def test_a_model_that_is_not_here_is_one_sentence(cli, one_sentence):
    assert "config.json" in one_sentence(cli("plan", "--model", "./nowhere"), 1)


def test_a_wrong_setting_is_one_sentence(cli, one_sentence):
    assert "first_try" in one_sentence(cli("plan", "--first-try", "2"), 2)


def test_the_plan_of_a_gguf_file_is_that_of_the_checkpoint_made_of_it(cli, tmp_path, monkeypatch):
    """The file itself is planned from its header: nothing is unpacked for a plan."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "tiny.toml"
    path.write_text(TINY, "utf-8")
    file = write_gguf(tmp_path / "m.gguf", gguf_model())
    of_file = cli("plan", path, "--model", file, "--json").object
    assert not list((tmp_path / "cache").rglob("*.safetensors"))
    made = checkpoint_of(file)
    of_checkpoint = cli("plan", path, "--model", made, "--json").object
    assert of_file["model"]["parameters"] == of_checkpoint["model"]["parameters"]
    assert of_file["memory"] == of_checkpoint["memory"]
    assert of_file["tokens"] == of_checkpoint["tokens"]
