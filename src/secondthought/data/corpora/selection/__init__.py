"""Two sets of documents are selected from a measured corpus, rich in habits and without them, and alike in all else."""
