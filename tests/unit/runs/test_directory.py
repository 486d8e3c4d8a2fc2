import errno
import fcntl
import json
import multiprocessing
import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from fake_runs import write_evaluation

from secondthought.errors import RunError
from secondthought.runs import RunDirectory, files, lock
from secondthought.runs.directory import is_unused


def made(path, **results):
    with RunDirectory.create(path) as run:
        run.write_config({"seed": 3})
        run.write_summary("finished", results)
    return run


def test_a_used_directory_is_refused_unless_overwritten(tmp_path):
    made(tmp_path / "run", arm="grpo")
    with pytest.raises(RunError, match="--resume or replace it with --overwrite"):
        RunDirectory.create(tmp_path / "run")
    assert RunDirectory.open(tmp_path / "run").summary() == {"arm": "grpo", "schema": 1, "status": "finished"}
    with RunDirectory.create(tmp_path / "run", overwrite=True) as run:
        assert [item.name for item in run.path.iterdir()] == ["lock.json"]


@pytest.mark.parametrize("config", [None, "{}", "not json", '{"written_by": "someone"}', "[1]"])
def test_overwrite_deletes_nothing_that_is_not_ours(tmp_path, config):
    (tmp_path / "thesis.tex").write_text("years of work")
    if config is not None:
        (tmp_path / "config.json").write_text(config)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(RunError, match="holds no run of secondthought"):
        RunDirectory.create(tmp_path, overwrite=True)
    assert sorted(tmp_path.iterdir()) == before


def test_overwrite_leaves_what_links_point_to(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    made(tmp_path / "run")
    (tmp_path / "run" / "link").symlink_to(outside)
    RunDirectory.create(tmp_path / "run", overwrite=True).close()
    assert (outside / "kept").read_text() == "kept"


def test_an_overwrite_that_was_cut_short_can_be_repeated(tmp_path, monkeypatch):
    run = made(tmp_path / "run")
    for name in "abc":
        (run.path / name).write_text("")
    real, left = files.remove, [2]

    def remove(path):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.EIO, "broken")
        real(path)

    monkeypatch.setattr(files, "remove", remove)
    with pytest.raises(RunError, match="broken"):
        RunDirectory.create(run.path, overwrite=True)
    monkeypatch.undo()
    RunDirectory.create(run.path, overwrite=True).close()


PARTIALS = [["config.json.partial"], ["config.json.1234.partial"], ["lock.json", "config.json.partial"], ["lock.json"]]


@pytest.mark.parametrize("names", PARTIALS)
def test_a_directory_whose_making_was_cut_short_is_free(tmp_path, names):
    for name in names:
        (tmp_path / name).write_text("")
    assert is_unused(tmp_path)
    with RunDirectory.create(tmp_path) as run:
        assert [item.name for item in run.path.iterdir()] == ["lock.json"]


@pytest.mark.parametrize("name", ["film.mp4.partial", "thesis.partial", "config.jsonx"])
def test_what_another_program_left_is_not(tmp_path, name):
    (tmp_path / name).write_text("")
    with pytest.raises(RunError, match="holds no run of secondthought"):
        RunDirectory.create(tmp_path, overwrite=True)
    assert [item.name for item in tmp_path.iterdir()] == [name]


def begun(path, **lines):
    """A run that was interrupted; `lines` are other files by name."""
    with RunDirectory.create(path) as run:
        run.write_config({})
        run.write_summary("interrupted", {})
        for name, text in lines.items():
            (run.path / name).write_text(text)
    return run


def test_a_run_without_a_step_is_not_used(tmp_path):
    run = begun(tmp_path / "run", **{"metrics.jsonl": '{"step": 0}\n', "before.json": "{}"})
    run.checkpoints.path.joinpath("step_000000").mkdir(parents=True)
    with RunDirectory.claim(run.path):
        assert (run.path / "before.json").exists()  # nothing goes before the new run is sure to begin
    with RunDirectory.create(run.path):
        assert [item.name for item in run.path.iterdir()] == ["lock.json"]


@pytest.mark.parametrize(
    ("name", "text"), [("metrics.jsonl", '{"step": 0}\n{"step": 1}\n'), ("notes.txt", "mine"), ("summary.json", "{")]
)
def test_one_with_a_step_or_with_something_else_is(tmp_path, name, text):
    run = begun(tmp_path / "run", **{name: text})
    with pytest.raises(RunError, match=r"already holds a run|is not JSON"):
        RunDirectory.create(run.path)
    assert (run.path / name).read_text() == text


def test_a_checkpoint_of_a_step_is_one(tmp_path):
    run = begun(tmp_path / "run")
    run.checkpoints.path.joinpath("step_000003").mkdir(parents=True)
    with pytest.raises(RunError, match="already holds a run"):
        RunDirectory.create(run.path)


def test_open_and_resume_need_a_run(tmp_path):
    for make in (RunDirectory.open, RunDirectory.resume):
        with pytest.raises(RunError, match="no such run directory"):
            make(tmp_path / "nowhere")
        with pytest.raises(RunError, match=r"no config\.json"):
            make(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_is_a_file_is_one_sentence(tmp_path):
    (tmp_path / "run").write_text("")
    with pytest.raises(RunError, match="cannot be written: File exists"):
        RunDirectory.create(tmp_path / "run")


def test_what_is_written_is_read(tmp_path):
    with RunDirectory.create(tmp_path / "run") as run:
        run.write_config({"seed": 3, "optim": {"betas": (0.9, 0.99)}})
        run.write_environment({"cores": 2})
        run.write_summary("running", {"arm": "grpo", "rate": float("nan")})
        run.update_status("interrupted")
        write_evaluation(run, "after_t0.5", [{"problem_id": "a", "text": "\ud800"}])
    run = RunDirectory.open(run.path)
    assert run.config() == {"seed": 3, "optim": {"betas": [0.9, 0.99]}}
    assert run.environment() == {"cores": 2}
    assert run.summary() == {"arm": "grpo", "rate": None, "schema": 1, "status": "interrupted"}
    assert run.evaluations() == ["after_t0.5"]
    assert run.evaluation("after_t0.5") == [{"problem_id": "a", "text": "\ud800"}]


@pytest.mark.parametrize("name", ["", "../x", ".x", "a/b", "a b", "\x00"])
def test_evaluation_names_stay_in_their_directory(tmp_path, name):
    with pytest.raises(RunError, match="use letters"):
        made(tmp_path / "run").evaluation(name)


def test_the_second_writer_is_refused(tmp_path):
    with RunDirectory.create(tmp_path / "run") as run:
        run.write_config({})
        with pytest.raises(RunError, match=f"process {os.getpid()} is writing"):
            RunDirectory.resume(run.path)
        with pytest.raises(RunError, match="is writing"):
            RunDirectory.create(run.path, overwrite=True)
        assert lock.is_held(run.path)
    assert not lock.is_held(run.path)
    RunDirectory.resume(run.path).close()


def test_who_looks_is_not_taken_for_a_writer(tmp_path, monkeypatch):
    """Two who list runs at once: each has the lock for a moment."""
    run, flock, found = made(tmp_path / "run"), fcntl.flock, []

    def looked_at_meanwhile(descriptor, operation):
        flock(descriptor, operation)
        monkeypatch.setattr(fcntl, "flock", flock)
        found.append(lock.is_held(run.path))

    monkeypatch.setattr(fcntl, "flock", looked_at_meanwhile)
    assert not lock.is_held(run.path)
    assert found == [False]


def test_where_a_reader_gets_no_exclusive_lock_it_sees_what_is_written_all_the_same(tmp_path, monkeypatch):
    """NFS gives an exclusive lock to whoever may write only (`man 2 flock`)."""
    flock = fcntl.flock

    def over_nfs(descriptor, operation):
        if operation & fcntl.LOCK_EX and fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, "Bad file descriptor")
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", over_nfs)
    with RunDirectory.create(tmp_path / "run") as run:
        assert lock.is_held(run.path)
    assert not lock.is_held(run.path)


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from secondthought.runs import RunDirectory\n"
        "run = RunDirectory.create(Path(sys.argv[1])); run.write_config({}); print('ready', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "run")], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        with pytest.raises(RunError, match=f"process {process.pid} is writing"):
            RunDirectory.resume(tmp_path / "run")
        process.send_signal(signal.SIGKILL)
    RunDirectory.resume(tmp_path / "run").close()


def test_the_lock_of_another_host_is_respected_until_deleted(tmp_path):
    run = made(tmp_path / "run")
    (run.path / "lock.json").write_text(json.dumps({"pid": 1, "host": platform.node() + "-other"}))
    with pytest.raises(RunError, match="delete "):
        RunDirectory.resume(run.path)
    (run.path / "lock.json").unlink()
    RunDirectory.resume(run.path).close()


@pytest.fixture
def without_locks(monkeypatch):
    """A file system that knows no locks, as some network file systems do."""

    def refuse(descriptor, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)


def test_without_locks_a_marker_keeps_the_second_writer_out(tmp_path, without_locks):
    with RunDirectory.create(tmp_path / "run") as run:
        run.write_config({})
        with pytest.raises(RunError, match=f"process {os.getpid()} is writing"):
            RunDirectory.resume(run.path)
        assert lock.is_held(run.path)
        assert lock.is_held(run.path)
    assert not lock.is_held(run.path)
    RunDirectory.create(run.path, overwrite=True).close()
    assert [item.name for item in run.path.iterdir()] == ["lock.json"]


def test_without_locks_the_marker_of_a_killed_process_is_taken_over(tmp_path, without_locks):
    code = (
        "import fcntl, os, sys; from pathlib import Path; from secondthought.runs import RunDirectory\n"
        "def refuse(*_): raise OSError(38, 'Function not implemented')\n"
        "fcntl.flock = refuse\n"
        "run = RunDirectory.create(Path(sys.argv[1])); run.write_config({}); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "run")], check=False)
    assert (tmp_path / "run" / lock.MARKER).exists()
    assert not lock.is_held(tmp_path / "run")
    RunDirectory.resume(tmp_path / "run").close()


def test_a_disk_that_fails_is_not_another_process(tmp_path, monkeypatch):
    run = made(tmp_path / "run")

    def fail(descriptor, operation):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(fcntl, "flock", fail)
    with pytest.raises(RunError, match="Input/output error"):
        RunDirectory.resume(run.path)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 99999999}'])
def test_a_damaged_or_dead_lock_blocks_nobody(tmp_path, content):
    run = made(tmp_path / "run")
    (run.path / "lock.json").write_text(content)
    RunDirectory.resume(run.path).close()


def _race(path, queue):
    try:
        with RunDirectory.create(path) as run:
            run.write_config({})
            run.metrics_path.write_text('{"step": 1}\n')
            queue.put("won")
    except RunError:
        queue.put("lost")


def test_one_of_many_processes_creates_a_run(tmp_path):
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    racers = [context.Process(target=_race, args=(tmp_path / "run", queue)) for _ in range(3)]
    for racer in racers:
        racer.start()
    results = sorted(queue.get(timeout=60) for _ in racers)
    for racer in racers:
        racer.join()
    assert results == ["lost", "lost", "won"]


def test_a_failed_write_leaves_the_old_file_whole(tmp_path, monkeypatch):
    run = made(tmp_path / "run", arm="old")

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match="the disk is full; free some space"):
        run.write_summary("finished", {"arm": "new"})
    monkeypatch.undo()
    assert run.summary()["arm"] == "old"
    assert not list(run.path.glob("*.partial"))


def test_a_checkpoint_is_whole_or_not_there(tmp_path):
    checkpoints = made(tmp_path / "run").checkpoints
    with checkpoints.new(10) as path:
        (path / "weights").write_text("ten")
        assert checkpoints.steps() == []
    with pytest.raises(KeyboardInterrupt), checkpoints.new(20):
        raise KeyboardInterrupt
    with pytest.raises(RunError, match="the disk is full"), checkpoints.new(10) as path:
        raise OSError(errno.ENOSPC, "No space left on device")
    assert checkpoints.steps() == [10]
    assert (checkpoints.at(10) / "weights").read_text() == "ten"
    assert [item.name for item in checkpoints.path.iterdir()] == ["step_000010"]


def test_a_killed_checkpoint_is_not_one(tmp_path):
    checkpoints = made(tmp_path / "run").checkpoints
    (checkpoints.path / "step_000020.partial").mkdir(parents=True)
    assert checkpoints.steps() == []
    with checkpoints.new(20):
        pass
    assert checkpoints.steps() == [20]


def test_pointers_and_pruning(tmp_path):
    checkpoints = made(tmp_path / "run").checkpoints
    for step in (10, 20, 30, 40):
        with checkpoints.new(step):
            pass
    assert checkpoints.pointer("best") is None
    checkpoints.point("best", 20, second_try=0.4)
    checkpoints.point("last", 40)
    checkpoints.prune(keep=[30])
    assert checkpoints.steps() == [20, 30, 40]
    assert checkpoints.pointer("best") == {"second_try": 0.4, "step": 20}
    checkpoints.point("best", 10)
    with pytest.raises(RunError, match="step 10, which has no checkpoint"):
        checkpoints.pointer("best")


def test_reading_is_clear_about_damage(tmp_path):
    run = made(tmp_path / "run")
    (run.path / "summary.json").write_text("{")
    with pytest.raises(RunError, match=r"summary\.json: is not JSON"):
        run.summary()
    assert Path(run.path / "config.json").exists()
