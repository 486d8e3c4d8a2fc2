"""Chat models answer whole conversations in text: over HTTP, or by a local policy that stands in."""
