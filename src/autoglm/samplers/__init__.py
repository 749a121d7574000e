"""Samplers, one file a way to search: which candidates are tried, and in which order."""
