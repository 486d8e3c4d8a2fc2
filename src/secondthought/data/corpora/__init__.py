"""Corpora: how often large collections of text show habits, and which of their documents do: read, measured, written.

What reads one piece, what is counted and how results are merged is ours; `datatrove` runs it over many pieces at once.
"""
