"""Run directories that look like real ones, in milliseconds. Numbers are made up; hostile text can be planted."""

import math
import random
from pathlib import Path

from secondthought.runs import Recorder, RunDirectory, files
from secondthought.runs.declaration import Declaration, declare
from secondthought.runs.environment import describe
from secondthought.types import HABITS

PROBLEMS = 400
"""Of an arm of `write_arm`."""
LIFT = {"reflect-retry": 0.22, "grpo": 0.25, "retry-only": 0.10, "credit-all": 0.24, "permuted-rewards": 0.0}
REASONS = ["wrong_numbers", "missed_target", "malformed"]
HOSTILE = '</script><img src=x onerror="document.title=1"><b>&amp;{{ 7 * 7 }}'


def write_evaluation(run: RunDirectory, name: str, rows: list[dict]) -> None:
    """As `evaluate.write_rows` does of real rows, which have more fields."""
    files.write_rows(run.path / "evaluations" / f"{name}.jsonl", rows)


def rate(hits: int, n: int) -> dict:
    if n == 0:
        return {"estimate": None, "low": None, "high": None, "n": 0}
    p = hits / n
    half = 1.96 * math.sqrt(max(p * (1 - p), 1e-4) / n)
    return {"estimate": p, "low": max(0, p - half), "high": min(1, p + half), "n": n}


def turn(kind, request, text, correct=None, reason=None, hostile=False):
    text = text + HOSTILE if hostile else text
    verdict = None
    if correct is not None:
        reason = "correct" if correct else reason or "missed_target"
        verdict = {"correct": correct, "reward": float(correct), "reason": reason, "well_formed": reason != "malformed"}
    tokens = [piece + " " for piece in text.split(" ")]
    return {
        "kind": kind,
        "request": request,
        "text": text,
        "num_tokens": len(tokens),
        "stop": "end",
        "verdict": verdict,
        "tokens": tokens,
    }


def problem(draw):
    numbers = sorted(draw.randint(1, 50) for _ in range(4))
    return {"numbers": numbers, "target": draw.randint(10, 200)}


def attempt(draw, data, correct, hostile=False):
    a, b, c, d = data["numbers"]
    text = f"Let me see. {a} + {b} = {a + b}, and {c} * {d} = {c * d}.\n<answer>({a} + {b}) * {c} - {d}</answer>"
    request = f"Using the numbers {data['numbers']}, make an equation that equals {data['target']}."
    return turn("attempt", request, text, correct, draw.choice(REASONS), hostile)


def reflection(draw, data, hostile=False):
    a, b, _, d = data["numbers"]
    text = draw.choice(
        [
            f"I left out {d}. Start from {b} * {d}, it is close to {data['target']}.",
            f"I used {a} twice; every number goes in once. Try {a} * {b} first, then correct with the rest.",
            "The sum was off by one: check each product before writing the answer.",
        ]
    )
    return turn("reflection", "You got the wrong answer. Reflect on what went wrong.", text, hostile=hostile)


def retry(draw, data, correct):
    a, b, c, d = data["numbers"]
    return turn("retry", "Now try again.", f"{b} * {d} = {b * d}\n<answer>{b} * {d} - {a} - {c}</answer>", correct)


def evaluation(draw, first, rescue, temperature, problems):
    rows = []
    for index in range(problems):
        data = problem(random.Random(index))
        right = draw.random() < first
        turns = [attempt(draw, data, right)]
        if not right:
            turns += [reflection(draw, data), retry(draw, data, draw.random() < rescue)]
        leak = [] if right else [draw.choice(["solution", "first_step", "none"])]
        rows.append({"problem_id": f"p{index}", "data": data, "temperature": temperature, "turns": turns, "leak": leak})
    return rows


def summarise(rows):
    first = [row["turns"][0]["verdict"]["correct"] for row in rows]
    second = [row["turns"][-1]["verdict"]["correct"] for row in rows]
    rescued = [s for f, s in zip(first, second, strict=True) if not f]
    leaks = [row["leak"][0] for row in rows if row["leak"]]
    lengths = [row["turns"][1]["num_tokens"] for row in rows if len(row["turns"]) > 1]
    mean = sum(lengths) / max(len(lengths), 1)
    reasons = [row["turns"][0]["verdict"]["reason"] for row in rows]
    return {
        "first_try": rate(sum(first), len(rows)),
        "second_try": rate(sum(second), len(rows)),
        "rescue": rate(sum(rescued), len(rescued)),
        "format_valid": rate(sum(reason != "malformed" for reason in reasons), len(rows)),
        "reflection_length": {"estimate": mean, "low": mean - 0.6, "high": mean + 0.6, "n": len(lengths)},
        "leak_solution": rate(leaks.count("solution"), len(leaks)),
        "leak_first_step": rate(leaks.count("first_step"), len(leaks)),
        "leak_none": rate(leaks.count("none"), len(leaks)),
        "reasons": {reason: reasons.count(reason) for reason in sorted(set(reasons))},
    }


def paired(before, after, measure):
    pick = 0 if measure == "first_try" else -1
    differences = [
        a["turns"][pick]["verdict"]["correct"] - b["turns"][pick]["verdict"]["correct"]
        for b, a in zip(before, after, strict=True)
    ]
    mean = sum(differences) / len(differences)
    deviation = math.sqrt(sum((d - mean) ** 2 for d in differences) / len(differences) / len(differences))
    p = math.erfc(abs(mean) / max(deviation, 1e-9) / math.sqrt(2))
    return {"difference": mean, "low": mean - 1.96 * deviation, "high": mean + 1.96 * deviation, "p": p}


def metric_row(draw, step, steps, lift):
    grown = lift * (1 - math.exp(-3 * step / steps))
    noise = draw.gauss(0, 0.02)
    row = {
        "reward/mean": 0.10 + grown + noise,
        "reward/correct": 0.10 + grown + noise,
        "rollout/reflection_length_mean": 24 - 20 * grown + draw.gauss(0, 0.5),
        "rollout/attempt_length_mean": 31 + draw.gauss(0, 0.5),
        "rollout/retry_length_mean": 28 + draw.gauss(0, 0.5),
        "rollout/truncated": 0.01,
        "groups/kept": 26.0,
        "groups/flat": 6.0,
        "groups/flat_share": 0.19 + draw.gauss(0, 0.04),
        "policy/entropy": 1.4 - 2 * grown + draw.gauss(0, 0.03),
        "policy/kl_ref": 0.3 * grown + abs(draw.gauss(0, 0.003)),
        "policy/kl_anchor": 0.1 * grown,
        "policy/ratio_mean": 1.0,
        "policy/clip_low": 0.0,
        "policy/clip_high": 0.0,
        "loss/policy": draw.gauss(0, 0.01),
        "loss/total": draw.gauss(0, 0.01),
        "optim/grad_norm": 0.7 + draw.gauss(0, 0.1),
        "optim/lr": 3e-4,
        "tokens/sampled": 60_000 * step,
        "tokens/learned": 11_000,
        "mine/problems": 40,
        "mine/first_try": 0.18 + 0.7 * grown,
        "time/rollout": 2.0,
        "time/update": 1.0,
        "time/evaluation": None,
        "time/step": 3.1,
    }
    if step % 10 == 0:
        for name, value in {"first_try": 0.18 + 0.7 * grown, "second_try": 0.3 + grown, "rescue": 0.15 + grown}.items():
            value += draw.gauss(0, 0.015)
            row |= {f"eval/{name}": value, f"eval/{name}_low": value - 0.055, f"eval/{name}_high": value + 0.055}
        row |= {"eval/rescue_oracle": 0.6, "eval/rescue_oracle_low": 0.54, "eval/rescue_oracle_high": 0.66}
        row |= {"eval/reflection_length_mean": 22 - 18 * grown, "time/evaluation": 4.0}
    return row


def group(draw, step, arm, share, hostile):
    data = problem(draw)
    hits = [draw.random() < share for _ in range(6)]
    mean = sum(hits) / len(hits)
    plain = arm == "grpo"
    learned = {"grpo": ["attempt"], "retry-only": ["retry"], "credit-all": ["reflection", "retry"]}
    branches = []
    for hit in hits:
        last = attempt(draw, data, hit, hostile) if plain else retry(draw, data, hit)
        note = None if plain or arm == "retry-only" else reflection(draw, data, hostile)
        advantage = hit - mean
        kinds = learned.get(arm, ["reflection"]) if advantage else []
        branches.append(
            {"reflection": note, "tries": [last], "reward": float(hit), "advantage": advantage, "learned": kinds}
        )
    history = [] if plain else [attempt(draw, data, False, hostile)]
    return {"step": step, "problem_id": f"g{step}", "data": data, "history": history, "branches": branches}


def write_fake_run(
    path: Path,
    *,
    arm="reflect-retry",
    seed=0,
    steps=60,
    problems=200,
    hostile=False,
    status="finished",
    peers=False,
    temperatures=3,
):
    """A whole run directory; `status` other than finished leaves the final evaluation out."""
    draw = random.Random(f"{arm} {seed}")
    lift = LIFT[arm]
    kind = arm if arm in ("grpo", "retry-only") else "reflect-retry"
    with RunDirectory.create(path) as run:
        run.write_config(
            {
                "seed": seed,
                "model": {"path": f"small{HOSTILE}" if hostile else "small", "precision": "fp32"},
                "task": {"name": "countdown"},
                "algorithm": {
                    "type": kind,
                    "credit": "all" if arm == "credit-all" else "reflection",
                    "permute_rewards": arm == "permuted-rewards",
                    "group_size": 6,
                },
                "train": {"steps": steps, "groups_per_step": 32},
            }
        )
        run.write_environment(describe(seed=seed, threads=2, command=["secondthought", "train", "reflect-retry"]))
        recorder = Recorder(run)
        for step in range(1, steps + 1):
            recorder.metrics(step, metric_row(draw, step, steps, lift))
            if step % 10 == 0:
                share = 0.12 + lift * step / steps
                recorder.episodes(step, [group(draw, step, arm, share, hostile) for _ in range(8)])
        summary = {"arm": arm, "seed": seed, "steps": steps, "tokens_sampled": 60_000 * steps, "model": "small"}
        if status == "finished":
            summary |= final(run, draw, lift, problems, peers, temperatures)
        run.write_summary(status, summary)
    return path


def final(run, draw, lift, problems, peers, temperatures):
    before, after, tests = {}, {}, {}
    for name, temperature, sharper in (("t1.0", 1.0, 0.0), ("t0.5", 0.5, 0.02), ("t0.0", 0.0, 0.03))[:temperatures]:
        olds = evaluation(random.Random(f"base {temperature}"), 0.18 + sharper, 0.15, temperature, problems)
        news = evaluation(draw, 0.18 + 0.7 * lift + sharper, 0.15 + 0.6 * lift, temperature, problems)
        write_evaluation(run, f"before_{name}", olds)
        write_evaluation(run, f"after_{name}", news)
        before[name], after[name] = summarise(olds), summarise(news)
        tests[name] = {measure: paired(olds, news, measure) for measure in ("first_try", "second_try")}
    shares = {"oracle": 0.6, "own": 0.15, "shuffled": 0.12, "fixed": 0.1, "none": 0.09, "contrary": 0.05, "pass@2": 0.3}
    result = {
        "before": before,
        "after": after,
        "paired": tests,
        "controls": {
            "before": {name: rate(round(share * 160), 160) for name, share in shares.items()},
            "after": {
                name: rate(round((share + (lift if name in ("own", "pass@2") else 0)) * 130), 130)
                for name, share in shares.items()
            },
        },
        "stored_rescue": {"before": rate(24, 160), "after": rate(24 + round(120 * lift), 160)},
        "best_step": 50,
    }
    if peers:
        result["peers"] = {"large": {"t1.0": summarise(evaluation(random.Random(9), 0.25, 0.2, 1.0, problems))}}
    return result


def write_arm(
    root,
    base,
    priming="",
    *,
    before,
    after,
    habits=(0.1, 0.1, 0.1, 0.1),
    habits_after=None,
    seeds=(0, 1, 2),
    dose=None,
    arm=None,
):
    """Runs of one arm; a share of problems is solved before and after, a few more in later seeds."""
    paths = []
    for seed in seeds:
        path = root / f"{base}-{priming or 'plain'}" / f"seed_{seed}"
        with RunDirectory.create(path) as run:
            run.write_config({"seed": seed, "algorithm": {"type": "grpo"}, "model": {"path": str(path)}})
            declare(run, Declaration(base=base, priming=priming, dose=dose, arm=arm or ""))
            sides = {}
            for when, share in (("before", before), ("after", after)):
                hits = round(share * PROBLEMS) + seed * (when == "after")
                write_evaluation(run, f"{when}_t1.0", [tried_once(place, place < hits) for place in range(PROBLEMS)])
                found = zip(HABITS, habits if when == "before" else habits_after or habits[::-1], strict=True)
                sides[when] = {
                    "t1.0": {
                        "first_try": rate(hits, PROBLEMS),
                        "format_valid": rate(PROBLEMS, PROBLEMS),
                        "attempt_length": rate(hits, PROBLEMS),
                        "habits": {
                            "behaviors": {
                                name: {
                                    "presence": rate(round(p * PROBLEMS), PROBLEMS),
                                    "mean_count": rate(round(p * PROBLEMS), PROBLEMS),
                                }
                                for name, p in found
                            }
                        },
                    }
                }
            run.write_summary("finished", {"arm": "grpo", "seed": seed, **sides})
        paths.append(path)
    return paths


def tried_once(place, right):
    verdict = {"correct": right, "reward": float(right), "reason": "", "well_formed": True}
    turn = {"kind": "attempt", "request": None, "text": "", "num_tokens": 3, "stop": "end", "verdict": verdict}
    return {"problem_id": f"p{place}", "data": {}, "temperature": 1.0, "turns": [turn], "leak": []}
