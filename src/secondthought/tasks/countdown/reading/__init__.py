"""The reading of a thought about a Countdown problem: its calculations, attempts, checks, subgoals and habits."""
