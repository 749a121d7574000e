"""Contracts that every plug-in on a shelf must keep, for ours and for those of third parties."""
