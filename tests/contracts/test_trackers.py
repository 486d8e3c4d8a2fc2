"""Every service of `--track` gets what metrics.jsonl gets, with its real package and without a network."""

import json
import os
import sqlite3
import time
from pathlib import Path

import pytest
from small_runs import NO_CONTROLS, small_config

from secondthought import execute
from secondthought.errors import ConfigError
from secondthought.runs import read_metrics
from secondthought.runs.trackers import catalog
from secondthought.runs.trackers.identity import identity

ROWS = [(0, {"eval/first": 0.25, "loss": float("nan")}), (1, {"loss": 0.5}), (2, {"loss": 0.25, "tokens": 7})]
pytestmark = pytest.mark.filterwarnings("default")  # other people's packages warn of each other


def read_tensorboard(run_dir):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run_dir / "tensorboard"))
    events.Reload()
    return {tag: {item.step: item.value for item in events.Scalars(tag)} for tag in events.Tags()["scalars"]}


def read_trackio(run_dir):
    [path] = Path(os.environ["TRACKIO_DIR"]).glob("*.db")
    name = f"{run_dir.name}-{identity(run_dir)}"
    with sqlite3.connect(path) as database:
        rows = database.execute("select step, metrics from metrics where run_name = ?", [name]).fetchall()
    return by_name((step, json.loads(text)) for step, text in rows)


def read_wandb(run_dir):
    from wandb.proto import wandb_internal_pb2

    rows = []
    for path in sorted((run_dir / "wandb").glob("offline-run-*/*.wandb")):
        for content in log_records(path.read_bytes()):
            record = wandb_internal_pb2.Record.FromString(content)
            if record.WhichOneof("record_type") == "history":
                pairs = [(item.key or "/".join(item.nested_key), item.value_json) for item in record.history.item]
                items = {name: json.loads(text) for name, text in pairs}
                rows.append((items.pop("_step", record.history.step.num), items))
    return by_name(rows)


def log_records(data, block=32768, header=7):
    """Contents of a log in LevelDB's format, behind the header of the file: type 1 is a whole one, 4 the last piece."""
    place, parts = header, []
    while place + header <= len(data):
        if block - place % block < header:
            place += block - place % block
            continue
        size, kind = int.from_bytes(data[place + 4 : place + 6], "little"), data[place + 6]
        parts.append(data[place + header : place + header + size])
        place += header + size
        if kind in (1, 4):
            yield b"".join(parts)
            parts = []


def by_name(rows):
    found = {}
    for step, metrics in rows:
        for name, value in metrics.items():
            if not name.startswith("_"):
                found.setdefault(name, {})[step] = value
    return found


def kept(service, run_dir, wanted):
    """What a service has of a run; its own process may still be writing for a while."""
    until = time.monotonic() + 30
    while (found := READERS[service](run_dir)) != wanted and time.monotonic() < until:
        time.sleep(0.1)
    return found


READERS = {"tensorboard": read_tensorboard, "trackio": read_trackio, "wandb": read_wandb}


def measured(rows):
    return by_name((step, {name: value for name, value in row.items() if value == value}) for step, row in rows)


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """Where trackio keeps its rows; it looks at the variable once, when it is imported."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRACKIO_DIR", str(tmp_path_factory.mktemp("trackio")))
        yield


@pytest.fixture(params=sorted(catalog.SERVICES))
def service(request, database, tmp_path, monkeypatch):
    """A service whose package is there, with no key, kept below the directories of tests."""
    pytest.importorskip(catalog.SERVICES[request.param].package)
    for name in ("WANDB_MODE", "WANDB_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))
    return request.param


@pytest.fixture
def run_dir(tmp_path):
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


def tell(name, run_dir, rows):
    [tracker] = catalog.trackers([name], run_dir, {"seed": 0, "train": {"steps": 2}})
    for step, metrics in rows:
        tracker.row(step, metrics)
    tracker.close()


def test_it_has_what_was_measured(service, run_dir, capfd):
    tell(service, run_dir, ROWS)
    assert kept(service, run_dir, measured(ROWS)) == measured(ROWS)
    assert capfd.readouterr().out == ""


def test_a_resumed_run_goes_on_as_the_same_run(service, run_dir):
    tell(service, run_dir, ROWS[:2])
    tell(service, run_dir, ROWS[1:])
    assert kept(service, run_dir, measured(ROWS)) == measured(ROWS)


def test_one_that_is_told_of_nothing_leaves_nothing(service, run_dir):
    tell(service, run_dir, [])
    assert list(run_dir.iterdir()) == []


def test_a_whole_run_is_followed(service, tmp_path, checkpoints):
    config = small_config(tmp_path / "run", checkpoints / "qwen2", evaluation=NO_CONTROLS)
    execute(config, quiet=True, trackers=catalog.trackers([service], config.run_dir, config.model_dump(mode="json")))
    written = [(row.pop("step"), row) for row in read_metrics(tmp_path / "run" / "metrics.jsonl")]
    wanted = approximately(measured(written))
    assert kept(service, tmp_path / "run", wanted) == wanted


def approximately(series):
    """TensorBoard keeps single precision."""
    return {name: pytest.approx(points, rel=1e-6) for name, points in series.items()}


class TestNames:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("wandbb", r"there is no tracker 'wandbb' \(did you mean 'wandb'\?\); known: tensorboard, trackio, wandb"),
            ("os:system", "no class"),
            ("pathlib:Path", "is not a Tracker"),
        ],
    )
    def test_what_is_no_tracker_is_refused(self, tmp_path, name, expected):
        with pytest.raises(ConfigError, match=expected):
            catalog.trackers([name], tmp_path, {})

    def test_a_package_that_is_not_installed_is_named(self, tmp_path, monkeypatch):
        missing = catalog.SERVICES["wandb"]._replace(package="no_such_package")
        monkeypatch.setitem(catalog.SERVICES, "wandb", missing)
        with pytest.raises(
            ConfigError, match=r"no_such_package is not installed; pip install 'secondthought\[wandb\]'"
        ):
            catalog.trackers(["wandb"], tmp_path, {})

    def test_a_class_of_ones_own(self, tmp_path):
        [made] = catalog.trackers([f"{__name__}:Own"], tmp_path, {"seed": 3})
        assert (made.place, made.settings) == (Path(tmp_path), {"seed": 3})


class Own:
    def __init__(self, place, settings):
        self.place, self.settings = place, settings

    def row(self, step, metrics):
        pass

    def close(self):
        pass
