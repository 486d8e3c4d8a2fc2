"""Training data is made or collected here, before any training."""
