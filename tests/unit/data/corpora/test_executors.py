"""The same corpus by every executor: programs play Slurm that take the job, Ray runs where it is installed."""

import json
import os
import subprocess
import sys

import pytest

from secondthought.data.corpora.documents import Fields
from secondthought.data.corpora.measure import measure
from secondthought.data.corpora.piece_step import MeasurePieces, Outputs
from secondthought.data.corpora.pieces import pieces_of
from secondthought.data.corpora.running import How
from secondthought.habits.catalog import shipped

pytest.importorskip("datatrove")


@pytest.fixture
def step(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"text": f"Let me check row {number}."}) + "\n" for number in range(100)))
    pieces = tuple(pieces_of([str(path)], most=500))
    outputs = Outputs(folder=tmp_path / "out", packed=False)
    return MeasurePieces(pieces=pieces, behaviors=shipped(), outputs=outputs, fields=Fields())


def test_slurm_is_told_and_what_its_jobs_did_is_read(step, tmp_path, monkeypatch):
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, says in (("sbatch", "Submitted batch job 7"), ("scontrol", "node-1")):
        (programs / name).write_text(f"#!/bin/sh\necho {says}\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    how = How(executor="slurm", workers=3, options={"partition": "cpu", "time": "01:00:00"})
    assert measure(step, how) is None
    script = (tmp_path / "out" / "tasks" / "launch_script.slurm").read_text()
    assert "#SBATCH --partition=cpu" in script
    assert f"#SBATCH --array=0-{len(step.pieces) - 1}%3" in script
    for rank in range(len(step.pieces)):
        pickled = tmp_path / "out" / "tasks" / "executor.pik"
        command = [sys.executable, "-m", "datatrove.tools.launch_pickled_pipeline", str(pickled)]
        job = {**os.environ, "SLURM_ARRAY_TASK_ID": str(rank), "SLURM_NODEID": "0", "SLURM_CPUS_PER_TASK": "1"}
        job |= {"SLURM_MEM_PER_CPU": "1000", "SLURM_JOB_ID": "7", "SLURM_NODELIST": "node-1", "RUN_OFFSET": "0"}
        done = subprocess.run(command, env=job, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        if rank == 1:  # two are enough to see that a rank does its own pieces
            break
    assert sorted(path.stem for path in (tmp_path / "out" / "counts").iterdir()) == ["000000", "000001"]


@pytest.mark.slow
def test_two_workers_of_ray(step):
    ray = pytest.importorskip("ray")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        counts = measure(step, How(executor="ray", workers=2))
    finally:
        ray.shutdown()
    assert counts.total().documents == 100
    assert counts.sources["rows"].marks["verification"].shown == 100
