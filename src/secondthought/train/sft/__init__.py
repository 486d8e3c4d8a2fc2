"""Supervised fine-tuning: examples, the learner's update, and whole runs."""
