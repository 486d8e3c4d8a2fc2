"""Kills `corpora measure` at random moments and says whether each document came out just once.

    python evidence/corpora/kills.py data/corpus --kills 20

A piece is small (50 kB), so that a kill falls into one.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path


def main() -> None:
    """Kill, go on, and count documents."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    draw = random.Random(given.seed)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "measured"
        command = [sys.executable, "-m", "secondthought", "corpora", "measure", str(given.corpus), "--out", str(out)]
        command += ["--plain", "--quiet", "--workers", str(given.workers), "--piece-mb", "0.05"]
        kills = moments = 0
        done = out / "counts"
        while kills < given.kills:
            process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL)
            began = len(list(done.glob("*.json"))) if done.exists() else 0
            after, deadline = draw.randrange(1, 25), time.monotonic() + 120
            while process.poll() is None and time.monotonic() < deadline:
                if done.exists() and len(list(done.glob("*.json"))) >= began + after:
                    time.sleep(draw.random() / 50)
                    os.killpg(process.pid, signal.SIGKILL)
                    kills += 1
                    moments += process.wait() == -signal.SIGKILL
                    break
            if process.wait() == 0:
                break
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        found = Counter(
            (row["source"], row["id"])
            for path in sorted((out / "documents").iterdir())
            for row in map(json.loads, path.read_text(encoding="utf-8").splitlines())
        )
    given_ids = Counter(
        (row["source"], row["id"])
        for path in sorted(given.corpus.iterdir())
        for row in map(json.loads, path.read_text(encoding="utf-8").splitlines())
        if row["text"].strip()
    )
    lost = sum((given_ids - found).values())
    twice = sum((found - given_ids).values())
    sys.stdout.write(f"{kills} kills; {sum(given_ids.values())} documents, {lost} lost, {twice} too many\n")


if __name__ == "__main__":
    main()
