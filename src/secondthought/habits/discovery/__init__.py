"""Discovery finds what nobody named: phrases and kinds of sentences whose rate changed between two sets of texts."""
