"""How problems are played: functions of a policy, a task and problems; no learning, no files but those of failures."""
