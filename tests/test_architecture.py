"""Rules about the source that no single module can keep alone: layers, sizes, docstrings, light imports, no eval.

A rule about every file is one test that lists all who break it: thousands of tests of a millisecond each would take
longer to report than to run.
"""

import ast
import functools
import re
import subprocess
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).parent.parent / "src" / "secondthought"
FILES = sorted(SRC.rglob("*.py"))
MOST_LINES = 320
MOST_FUNCTION_LINES = 44

LAYERS = (
    ("text",),
    ("types", "errors", "rng", "interrupts", "disk", "spelling"),
    ("protocols", "plugins", "progress", "jsonl", "stats", "rl", "trees", "tools"),
    ("tasks", "config"),
    ("models", "distributed", "runs"),
    ("inference",),
    ("rollout", "habits", "requirements"),
    ("evaluate", "bridges"),
    ("data", "organisms", "report", "serve"),
    ("train",),
    ("study", "preflight"),
    ("bench",),
    ("cli",),
)
"""From the bottom; parts of one layer do not import each other.

`trees` are records without torch: credit builds them, models read them. A run ends by making its report, so `train`
lies above `report`; the other way round they meet on disk only.
"""
LAYER = {part: level for level, parts in enumerate(LAYERS) for part in parts}


@functools.cache
def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def nodes(path):
    return tuple(ast.walk(parsed(path)))


@pytest.fixture(scope="module", autouse=True)
def _forget():
    """A million nodes are kept as long as they are read."""
    yield
    parsed.cache_clear()
    nodes.cache_clear()


def part_of(module):
    """`secondthought.tasks.countdown` is part of `tasks`."""
    names = module.split(".")
    return names[1] if len(names) > 1 else ""


def module_of(path):
    return ".".join(["secondthought", *path.relative_to(SRC).with_suffix("").parts]).removesuffix(".__init__")


def imports(path):
    """Every import of ours, those under TYPE_CHECKING and inside functions included."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.split(".")[0] == "secondthought")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "secondthought":
            bare = node.module == "secondthought"
            yield from (f"secondthought.{name.name}" if bare else node.module for name in node.names)


def relative(path):
    return str(path.relative_to(SRC))


def test_imports_point_down():
    """No module imports from its own layer or from above."""
    wrong = []
    for path in FILES:
        own = part_of(module_of(path))
        if own and own != "__main__":
            assert own in LAYER, f"{own} has no layer: add it to LAYERS"
            others = [name for name in imports(path) if part_of(name) not in ("", own)]
            wrong += [f"{relative(path)}: {name}" for name in others if LAYER[part_of(name)] >= LAYER[own]]
    assert wrong == []


def test_every_part_has_a_floor_and_contributing_lists_the_same():
    """The sentence of CONTRIBUTING.md reads as the table does: parts that share a floor stand in brackets."""
    found = {path.relative_to(SRC).parts[0].removesuffix(".py") for path in FILES} - {"__init__", "__main__"}
    assert found == set(LAYER)
    page = (SRC.parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    sentence = re.search(r"From the bottom, with what shares a floor in brackets: (.*?)\.\n", page, re.DOTALL)[1]
    floors = re.findall(r"\(([^)]*)\)|(`\w+`)", sentence)
    assert tuple(tuple(re.findall(r"`(\w+)`", both or single)) for both, single in floors) == LAYERS


def test_no_module_imports_the_package_itself():
    """Its `__init__` lists public names of all floors: whoever imports it from below runs up."""
    bare = [
        f"{relative(path)}:{node.lineno}"
        for path in FILES
        for node in nodes(path)
        if isinstance(node, ast.Import)
        for name in node.names
        if name.name == "secondthought" and relative(path) != "__main__.py"
    ]
    assert bare == []


MODULES = {module_of(path) for path in FILES}


def private_names(path):
    """Names with an underscore that a module takes from another one: imported, or as an attribute of it."""
    modules = set()
    for node in nodes(path):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "secondthought":
            for name in node.names:
                if name.name.startswith("_") and not name.name.startswith("__"):
                    yield f"{path.name}:{node.lineno} {name.name}"
                if f"{node.module}.{name.name}" in MODULES:
                    modules.add(name.asname or name.name)
    for node in nodes(path):
        private = isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__")
        if private and isinstance(node.value, ast.Name) and node.value.id in modules:
            yield f"{path.name}:{node.lineno} {node.value.id}.{node.attr}"


def test_no_private_name_of_another_module():
    assert [f"{relative(path.parent)}/{name}" for path in FILES for name in private_names(path)] == []


def test_a_private_name_would_be_seen(tmp_path):
    file = tmp_path / "nosy.py"
    file.write_text("from secondthought.rng import _hash\nfrom secondthought import rng\nrng._hash\n")
    assert list(private_names(file)) == ["nosy.py:1 _hash", "nosy.py:3 rng._hash"]


def test_verdicts_come_through_judge():
    """`tasks.judging` holds a verdict to what it promises; a task judges itself, and the bench times one task alone."""
    calls = [
        f"{relative(path)}:{node.lineno}"
        for path in FILES
        if not path.is_relative_to(SRC / "tasks") and relative(path) != "bench/verify.py"
        for node in nodes(path)
        if isinstance(node, ast.Attribute) and node.attr == "verify" and isinstance(node.ctx, ast.Load)
    ]
    assert calls == [], "call tasks.judging.judge in place of verify"


def test_a_prefix_is_a_missing_folder():
    """No file's name begins with that of its neighbour and an underscore, and none is hidden behind an underscore."""
    for path in FILES:
        names = {other.stem for other in path.parent.glob("*.py")} | {
            other.name for other in path.parent.iterdir() if other.is_dir()
        }
        assert not [name for name in names if path.stem.startswith(f"{name}_")], relative(path)
        assert path.name.startswith("__") or not path.name.startswith("_"), relative(path)


def test_one_meaning_a_class_name():
    """`Options` alone is every command's own; any other name is one class."""
    homes = {}
    for path in FILES:
        for node in nodes(path):
            if isinstance(node, ast.ClassDef) and node.name != "Options":
                homes.setdefault(node.name, []).append(relative(path))
    assert not {name: where for name, where in homes.items() if len(where) > 1}


def test_a_function_fits_on_a_screen():
    sizes = {
        f"{relative(path)}:{node.lineno} {node.name}": node.end_lineno - node.lineno + 1
        for path in FILES
        for node in nodes(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: size for name, size in sizes.items() if size > MOST_FUNCTION_LINES} == {}


def test_learning_knows_no_inference():
    """Learners hold a `LocalModel`: which engine samples is known where a run is put together and checked."""
    knowing = {relative(p) for p in FILES if any(part_of(name) == "inference" for name in imports(p))}
    assert {name for name in knowing if name.startswith("train/")} == {
        "train/loaded.py",
        "train/run.py",
        "train/self_checks.py",
    }


def test_a_module_says_what_it_is_and_fits_in_the_head():
    sizes = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert [relative(path) for path, size in sizes.items() if size and not ast.get_docstring(parsed(path))] == []
    assert {relative(path): size for path, size in sizes.items() if size > MOST_LINES} == {}


SHUT_IN = "tasks/sandbox/child.py"
"""Runs what a model wrote, where the kernel leaves it nothing but computing."""


PICKLES = {"pickle", "dill", "cloudpickle", "shelve", "marshal"}


def test_nothing_is_evaluated_pickled_or_printed():
    wrong = []
    for path in FILES:
        forbidden = {"eval", "exec", "print", "compile"} - ({"exec", "compile"} if relative(path) == SHUT_IN else set())
        for node in nodes(path):
            called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in forbidden
            imported = isinstance(node, ast.Import) and PICKLES & {name.name for name in node.names}
            if called or imported or (isinstance(node, ast.ImportFrom) and node.module in PICKLES):
                wrong.append(f"{relative(path)}:{node.lineno}")
    assert wrong == []


SHARED = {("random", name) for name in ("random", "randint", "choice", "shuffle", "sample", "seed", "uniform")} | {
    ("torch", "manual_seed"),
    ("torch", "seed"),
}


def test_no_global_random_numbers():
    """`random.random()` and `torch.manual_seed` share state with everybody; `secondthought.rng` does not."""
    wrong = [
        f"{relative(path)}:{node.lineno}"
        for path in FILES
        for node in nodes(path)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        if (node.value.id, node.attr) in SHARED
    ]
    assert wrong == []


def test_source_is_ascii():
    assert [relative(path) for path in FILES if not path.read_text(encoding="utf-8").isascii()] == []


LIGHT = [
    "types",
    "protocols",
    "errors",
    "rng",
    "jsonl",
    "trees",
    "tasks",
    "config",
    "cli",
    "runs",
    "report",
    "stats",
    "habits",
]
"""Parts that answer without loading torch: help, listing, scoring and reports start at once."""


@pytest.mark.parametrize("name", LIGHT)
def test_light_parts_import_no_torch(name):
    if not (SRC / name).is_dir() and not (SRC / f"{name}.py").is_file():
        pytest.skip(f"{name} does not exist yet")
    code = f"import sys, secondthought.{name}; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_maths_knows_no_task_and_tasks_know_no_torch():
    for path in FILES:
        heads = {
            (name.name if isinstance(node, ast.Import) else node.module or "").split(".")[0]
            for node in nodes(path)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in node.names
        }
        if part_of(module_of(path)) in ("tasks", "stats", "trees", "config", "report"):
            assert not heads & {"torch", "transformers"}, relative(path)
        if part_of(module_of(path)) == "rl":
            assert all(part_of(name) in ("rl", "") for name in imports(path)), relative(path)


NAMES_COUNTDOWN = {
    "tasks": "its own room, and the table of tasks",
    "organisms": "tiny models that were made to play it",
    "bench": "the speed of its verifier and solver",
    "cli/loading.py": "the scripted player",
}


def test_who_wants_to_know_a_task_asks_it():
    """A task with its own reader or oracle costs its own folder and one row: nobody else imports it by name."""
    knowing = {relative(p) for p in FILES if any(n.startswith("secondthought.tasks.countdown") for n in imports(p))}
    rooms = tuple(f"{room}/" for room in NAMES_COUNTDOWN)
    assert {name for name in knowing if name not in NAMES_COUNTDOWN and not name.startswith(rooms)} == set()
