"""What a thought about a Countdown problem did: calculations, attempts, checks, subgoals, habits."""
