"""A detector that learned from windows which people or judges have read; it needs no package beyond the core."""
