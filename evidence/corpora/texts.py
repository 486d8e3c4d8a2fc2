"""Writes the real texts of the shared data as a corpus: a JSONL file for each source, by name.

    python evidence/corpora/texts.py data/corpus

Sources are those of `evidence/habits/sources.py`. What is absent is skipped.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "habits"))

import sources


def main(folder: Path) -> None:
    """Write a file for each source."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for row in sources.texts():
        if row.source not in files:
            files[row.source] = (folder / f"{row.source}.jsonl").open("w", encoding="utf-8")
        files[row.source].write(json.dumps({"id": row.id, "source": row.source, "text": row.text}) + "\n")
    for file in files.values():
        file.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
