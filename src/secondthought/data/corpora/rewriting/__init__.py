"""Documents are rewritten as question, thoughts and answer, with the author's habits or without them."""
