"""A model that labels texts: what it is asked, how its answers are read, and the detector made of it."""
