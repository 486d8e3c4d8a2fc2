"""Questions that are asked before a run: whether the model will learn, whether it will fit, how long it takes."""
