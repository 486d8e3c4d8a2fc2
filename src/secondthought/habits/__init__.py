"""Habits of reasoning: this package defines them as data and detects them in text, without torch or network."""
