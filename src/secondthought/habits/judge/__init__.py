"""A judge is a model that labels texts: here are its question, the reading of its answers, and its detector."""
