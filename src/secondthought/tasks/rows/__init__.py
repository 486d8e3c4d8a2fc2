"""Rows of a data set as problems: where the rows lie, how they are dealt out to splits, and tasks made of them."""
