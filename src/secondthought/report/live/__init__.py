"""A report that is looked at while its runs go on: served on this machine, renewed section by section."""
