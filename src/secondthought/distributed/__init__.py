"""Several processes that train one model: who they are, and who holds which part of the weights."""
