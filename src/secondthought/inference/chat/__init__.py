"""Models that answer whole conversations in text: over HTTP, or a local one that stands in."""
