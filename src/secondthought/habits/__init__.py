"""Reasoning behaviours in text: what they are (data), and detectors that find them. No torch, no network."""
