"""Models that continue token ids: `scripted` (no torch; the mock of every test) and `hf` (any `transformers` LM)."""
