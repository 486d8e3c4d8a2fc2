"""Retries that instructor and pydantic-ai made, as their users log them, become failures to train on.

Both libraries do what this project trains: an answer that does not validate is sent back with its error, and tried
again. Their logs hold the question, the failed try, what was said of it, and what came after.
"""
