"""A taskset as people write them for verifiers v1: sums, with a reward and a metric."""

import verifiers.v1 as vf

__all__ = ["SumsTaskset"]


class SumData(vf.TaskData):
    """A sum and its value."""

    answer: str = ""


class SumTask(vf.Task[SumData]):
    """One sum."""

    @vf.reward
    async def right(self, trace):
        """Reward the right number."""
        return 1.0 if trace.last_reply.endswith(self.data.answer) else 0.0

    @vf.reward(weight=0.5)
    async def short(self, trace):
        """Reward few words."""
        return 1.0 if len(trace.last_reply) < 20 else 0.0


class SumsConfig(vf.TasksetConfig):
    """How many sums."""

    count: int = 60


class SumsTaskset(vf.Taskset[SumTask, SumsConfig]):
    """The sums n + n."""

    def load(self):
        """Yield them."""
        for n in range(self.config.count):
            yield SumTask(SumData(prompt=f"What is {n} + {n}?", system_prompt="Be brief.", answer=str(2 * n)))
