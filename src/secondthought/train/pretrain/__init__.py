"""Continued pretraining: documents are cut into windows, which are learned to an exact number of tokens."""
