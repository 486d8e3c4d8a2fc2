"""Thoughts about Countdown problems, searched for and put into words: what priming sets are made of."""
