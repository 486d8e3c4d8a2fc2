"""Play Countdown with a script that cheats (no model, no torch), and measure it as a model is measured.

Second-try accuracy alone does not say that a reflection helped: a second chance helps too. The controls give every
failed first try other reflections, or none.
"""

from secondthought import ScriptedPolicy, load_task
from secondthought.config import EpisodeConfig
from secondthought.evaluate import evaluate, play_controls, rescue_rates, summarise
from secondthought.rollout.player import Keys, Player
from secondthought.stats import Interval
from secondthought.tasks.countdown.script import countdown_answers


def main() -> None:
    """Print accuracies, then the rescue rate of each control, each with its 95 % interval."""
    task = load_task("countdown", {"preset": "tiny"})
    policy = ScriptedPolicy(countdown_answers(first_try=0.2, good_reflection=0.4))
    player = Player.resolve(policy, task, EpisodeConfig())
    keys = Keys(seed=0, phase="example")
    problems = task.problems("test", 100, seed=0)
    played = evaluate(player, problems, num_tries=2, keys=keys)
    rates = summarise(played)
    for name in ("pass@1", "second_try", "rescue_rate"):
        show(name, rates[name])
    outcomes = play_controls(player, played.failures, keys=keys)
    print("right retries after a failed first try, by what the reflection was:")
    for name, rate in rescue_rates(outcomes).items():
        show(name, rate)


def show(name: str, rate: Interval | float) -> None:
    """One line."""
    if isinstance(rate, Interval):
        print(f"  {name:14} {rate.estimate:.2f} [{rate.low:.2f}, {rate.high:.2f}] of {rate.n}")


if __name__ == "__main__":
    main()
