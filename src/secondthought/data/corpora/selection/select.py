"""A rich and a poor set are selected from a measured corpus: alike but for habits, with just as many tokens each.

candidates of all pieces -> without near-duplicates -> pairs -> two sets to a budget -> documents and their balance
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from secondthought import jsonl
from secondthought.data.corpora.piece_step import MARKS
from secondthought.data.corpora.running import How, run_step
from secondthought.data.corpora.selection.candidates import Candidate, Overlap
from secondthought.data.corpora.selection.fingerprints import without_duplicates
from secondthought.data.corpora.selection.matching import Chosen, pairs_of, to_budget
from secondthought.data.corpora.selection.step import FindCandidates
from secondthought.disk import new_file
from secondthought.progress import SILENT, Onlooker

MANIFEST = "selection.json"

SetName: TypeAlias = Literal["rich", "poor"]
SETS: tuple[SetName, ...] = get_args(SetName)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetBalance:
    """A `SetBalance` says what a set is like, so that two can be compared."""

    documents: int
    tokens: int
    finds_per_1000_tokens: float
    problem: float
    """Share of tokens in documents that set a problem."""
    solution: float
    """Share of tokens in documents that solve one."""
    sources: dict[str, float]
    """Share of tokens from each source."""

    def to_json(self) -> dict[str, Any]:
        """Return the numbers."""
        shares = {"problem": self.problem, "solution": self.solution, "sources": self.sources}
        per_1000 = {"finds_per_1000_tokens": self.finds_per_1000_tokens}
        return {"documents": self.documents, "tokens": self.tokens, **per_1000, **shares}


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """A `Selection` says what was selected, and what was left out for a reason."""

    sets: dict[SetName, SetBalance]
    pairs: int
    """How many there were to choose from."""
    duplicates: int
    overlaps: int

    def to_json(self) -> dict[str, Any]:
        """Return what `balance.json` holds."""
        left_out = {"pairs": self.pairs, "duplicates": self.duplicates, "overlaps": self.overlaps}
        return {**{name: balance.to_json() for name, balance in self.sets.items()}, **left_out}


def select(step: FindCandidates, tokens: int, how: How, onlooker: Onlooker = SILENT) -> Selection | None:
    """Select the two sets and write them into the step's folder: `rich.jsonl` and `poor.jsonl`.

    Beside them go `duplicates.jsonl` and `overlaps.jsonl`, what was left out and why, and `balance.json`.

    Args:
        step: finds the candidates.
        tokens: of each set.
        how: who runs the step.
        onlooker: is told of its pieces.

    Returns:
        None while an executor that only submits (Slurm) has not found all candidates.

    Raises:
        ConfigError: there are fewer tokens in pairs of like documents, or the folder holds what other settings made.
        PolicyError: there is no tokenizer.
        OSError: the sets cannot be written.
    """
    if not run_step(step, how, MANIFEST, "candidates", onlooker):
        return None
    found = [step.read(number) for number in range(step.pieces)]
    candidates = sorted((each for some, _ in found for each in some), key=lambda each: (not each.finds, each.lot))
    kept, dropped = without_duplicates((each.fingerprint, each) for each in candidates)
    pairs = pairs_of(kept)
    chosen = dict(zip(SETS, to_budget(pairs, tokens), strict=True))
    overlaps = [overlap for _, some in found for overlap in some]
    _write_left_out(step, dropped, overlaps)
    sets = {name: _write(step, name, chosen[name]) for name in SETS}
    selection = Selection(sets=sets, pairs=len(pairs), duplicates=len(dropped), overlaps=len(overlaps))
    with new_file(step.folder / "balance.json") as file:
        file.write(jsonl.dumps(selection.to_json(), indent=2) + "\n")
    return selection


def _write(step: FindCandidates, name: SetName, chosen: Sequence[Chosen]) -> SetBalance:
    from secondthought.data.token_lengths import beginning_by  # transformers, only where it is needed

    cut = beginning_by(step.tokenizer)
    places: dict[int, dict[int, Chosen]] = {}
    for each in chosen:
        places.setdefault(each.candidate.lot.piece, {})[each.candidate.lot.line] = each

    def rows() -> Iterator[dict[str, Any]]:
        for each, document in step.corpus.documents_at(places):
            text = document.text if each.tokens == each.candidate.tokens else cut(document.text, each.tokens)
            row = {"id": document.id, "text": text, "source": document.source, "licence": document.licence}
            yield {**row, MARKS: document.rest[MARKS], "tokens": each.tokens}

    jsonl.write(step.folder / f"{name}.jsonl", rows())
    return balance_of(chosen)


def balance_of(chosen: Sequence[Chosen]) -> SetBalance:
    """Return what a set is like."""
    tokens = sum(each.tokens for each in chosen)
    sources: dict[str, float] = {}
    for each in chosen:
        source = each.candidate.kind.source
        sources[source] = sources.get(source, 0.0) + each.tokens / tokens
    whole = sum(each.candidate.tokens for each in chosen)
    return SetBalance(
        documents=len(chosen),
        tokens=tokens,
        finds_per_1000_tokens=1000 * sum(each.candidate.finds for each in chosen) / whole,
        problem=sum(each.tokens for each in chosen if each.candidate.kind.sets_problem) / tokens,
        solution=sum(each.tokens for each in chosen if each.candidate.kind.solves_problem) / tokens,
        sources=dict(sorted(sources.items())),
    )


def _write_left_out(
    step: FindCandidates, dropped: Sequence[tuple[Candidate, Candidate]], overlaps: Sequence[Overlap]
) -> None:
    folder: Path = step.folder
    places = ({"piece": a.lot.piece, "line": a.lot.line, "like": [b.lot.piece, b.lot.line]} for a, b in dropped)
    jsonl.write(folder / "duplicates.jsonl", places)
    jsonl.write(folder / "overlaps.jsonl", (overlap._asdict() for overlap in overlaps))
