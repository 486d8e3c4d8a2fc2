"""The wheel holds all that a run needs: installed into an empty environment, it does the quick demo from anywhere."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*words, cwd, **more):
    """Run a program without this checkout on its path."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [*map(str, words)], cwd=cwd, env=environment | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, **more
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The Python of an environment that has the wheel, and of this one's packages all but the checkout."""
    place = tmp_path_factory.mktemp("wheel")
    options = ("--quiet", "--disable-pip-version-check", "--no-deps")
    made = run(
        sys.executable, "-m", "pip", "wheel", *options, "--no-build-isolation", "--wheel-dir", place, ROOT, cwd=place
    )
    assert made.returncode == 0, made.stderr
    [wheel] = place.glob("secondthought-*.whl")
    venv.create(place / "env", with_pip=False)
    python = place / "env" / "bin" / "python"
    [packages] = (place / "env" / "lib").glob("python*/site-packages")
    # A directory that a .pth file names is searched; its own .pth files, such as that of the checkout, are not read.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    done = run(sys.executable, "-m", "pip", "--python", python, "install", *options, "--no-index", wheel, cwd=place)
    assert done.returncode == 0, done.stderr
    return python


def files(package):
    """What a package holds, beside what Python itself keeps there."""
    return {str(path.relative_to(package)) for path in package.rglob("*.*") if "__pycache__" not in path.parts}


def test_the_package_is_the_installed_one(installed, tmp_path):
    found = run(installed, "-c", "import secondthought; print(secondthought.__file__)", cwd=tmp_path, check=True)
    package = Path(found.stdout.strip()).parent
    assert package.is_relative_to(installed.parents[1])
    assert files(package) == files(ROOT / "src" / "secondthought")


@pytest.mark.slow
def test_the_quick_demo_runs_from_another_directory(installed, tmp_path):
    done = run(installed.with_name("secondthought"), "demo", "--quick", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["run_dir"] == "runs/demo"
    assert "<html" in (tmp_path / "runs" / "demo" / "report.html").read_text("utf-8")[:500]
