"""Rules about the source that no single module can keep alone: layers, sizes, docstrings, light imports, no eval."""

import ast
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


def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def part_of(module):
    """`secondthought.tasks.countdown` is part of `tasks`."""
    names = module.split(".")
    return names[1] if len(names) > 1 else ""


def module_of(path):
    return ".".join(["secondthought", *path.relative_to(SRC).with_suffix("").parts]).removesuffix(".__init__")


def imports(path):
    """Every import of ours, those under TYPE_CHECKING and inside functions included."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.split(".")[0] == "secondthought")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "secondthought":
            bare = node.module == "secondthought"
            yield from (f"secondthought.{name.name}" if bare else node.module for name in node.names)


def relative(path):
    return str(path.relative_to(SRC))


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_imports_point_down(path):
    own = part_of(module_of(path))
    if not own or own == "__main__":
        return
    assert own in LAYER, f"{own} has no layer: add it to LAYERS"
    others = [name for name in imports(path) if part_of(name) not in ("", own)]
    wrong = [name for name in others if LAYER[part_of(name)] >= LAYER[own]]
    assert not wrong, f"{relative(path)} imports {wrong} from its own layer or from above"


def test_every_part_has_a_floor_and_contributing_lists_the_same():
    """The sentence of CONTRIBUTING.md reads as the table does: parts that share a floor stand in brackets."""
    found = {path.relative_to(SRC).parts[0].removesuffix(".py") for path in FILES} - {"__init__", "__main__"}
    assert found == set(LAYER)
    page = (SRC.parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    sentence = re.search(r"From the bottom, with what shares a floor in brackets: (.*?)\.\n", page, re.DOTALL)[1]
    floors = re.findall(r"\(([^)]*)\)|(`\w+`)", sentence)
    assert tuple(tuple(re.findall(r"`(\w+)`", both or single)) for both, single in floors) == LAYERS


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_no_module_imports_the_package_itself(path):
    """Its `__init__` lists public names of all floors: whoever imports it from below runs up."""
    if relative(path) == "__main__.py":
        return
    bare = [
        node.lineno
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Import)
        for name in node.names
        if name.name == "secondthought"
    ]
    assert not bare, f"{relative(path)}:{bare}"


MODULES = {module_of(path) for path in FILES}


def private_names(path):
    """Names with an underscore that a module takes from another one: imported, or as an attribute of it."""
    tree, modules = parsed(path), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "secondthought":
            for name in node.names:
                if name.name.startswith("_") and not name.name.startswith("__"):
                    yield f"{path.name}:{node.lineno} {name.name}"
                if f"{node.module}.{name.name}" in MODULES:
                    modules.add(name.asname or name.name)
    for node in ast.walk(tree):
        private = isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__")
        if private and isinstance(node.value, ast.Name) and node.value.id in modules:
            yield f"{path.name}:{node.lineno} {node.value.id}.{node.attr}"


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_no_private_name_of_another_module(path):
    assert not list(private_names(path))


def test_a_private_name_would_be_seen(tmp_path):
    file = tmp_path / "nosy.py"
    file.write_text("from secondthought.rng import _hash\nfrom secondthought import rng\nrng._hash\n")
    assert list(private_names(file)) == ["nosy.py:1 _hash", "nosy.py:3 rng._hash"]


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_verdicts_come_through_judge(path):
    """`tasks.judging` holds a verdict to what it promises; a task judges itself, and the bench times one task alone."""
    if path.is_relative_to(SRC / "tasks") or relative(path) == "bench/verify.py":
        return
    calls = [
        node.lineno
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute) and node.attr == "verify" and isinstance(node.ctx, ast.Load)
    ]
    assert not calls, f"{relative(path)}:{calls} calls verify; call tasks.judging.judge"


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
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ClassDef) and node.name != "Options":
                homes.setdefault(node.name, []).append(relative(path))
    assert not {name: where for name, where in homes.items() if len(where) > 1}


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_a_function_fits_on_a_screen(path):
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            size = node.end_lineno - node.lineno + 1
            assert size <= MOST_FUNCTION_LINES, f"{relative(path)}:{node.lineno} {node.name} has {size} lines"


def test_learning_knows_no_inference():
    """Learners hold a `LocalModel`: which engine samples is known where a run is put together and checked."""
    knowing = {relative(p) for p in FILES if any(part_of(name) == "inference" for name in imports(p))}
    assert {name for name in knowing if name.startswith("train/")} == {"train/run.py", "train/self_checks.py"}


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_a_module_says_what_it_is_and_fits_in_the_head(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert not lines or ast.get_docstring(parsed(path)), f"{relative(path)} has no docstring"
    assert len(lines) <= MOST_LINES, f"{relative(path)} has {len(lines)} lines"


SHUT_IN = "tasks/sandbox/child.py"
"""Runs what a model wrote, where the kernel leaves it nothing but computing."""


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_nothing_is_evaluated_pickled_or_printed(path):
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            allowed = {"exec", "compile"} if relative(path) == SHUT_IN else set()
            forbidden = {"eval", "exec", "print", "compile"} - allowed
            assert node.func.id not in forbidden, f"{relative(path)}:{node.lineno}"
        if isinstance(node, ast.Import):
            assert not {"pickle", "dill", "cloudpickle", "shelve", "marshal"} & {n.name for n in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.module not in {"pickle", "dill", "cloudpickle", "shelve", "marshal"}


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_no_global_random_numbers(path):
    """`random.random()` and `torch.manual_seed` share state with everybody; `secondthought.rng` does not."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert (node.value.id, node.attr) not in {
                ("random", name) for name in ("random", "randint", "choice", "shuffle", "sample", "seed", "uniform")
            } | {("torch", "manual_seed"), ("torch", "seed")}, f"{relative(path)}:{node.lineno}"


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_source_is_ascii(path):
    assert path.read_text(encoding="utf-8").isascii()


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
        tree = parsed(path)
        heads = {
            (name.name if isinstance(node, ast.Import) else node.module or "").split(".")[0]
            for node in ast.walk(tree)
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


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_who_wants_to_know_a_task_asks_it(path):
    """A task with its own reader or oracle costs its own folder and one row: nobody else imports it by name."""
    if not any(relative(path) == room or relative(path).startswith(f"{room}/") for room in NAMES_COUNTDOWN):
        assert not [name for name in imports(path) if name.startswith("secondthought.tasks.countdown")]
