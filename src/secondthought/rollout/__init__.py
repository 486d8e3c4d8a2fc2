"""A rollout plays problems: first try, reflection, retry. Nothing is learned here; the one file is that of failures."""
