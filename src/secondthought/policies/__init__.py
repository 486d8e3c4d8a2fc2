"""Models that continue token ids: `scripted` (no torch; the mock of every test), `hf` (any `transformers` causal LM)."""
