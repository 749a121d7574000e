"""Explainers, one file a way to explain: in columns of the input, in the unit of the metric or target."""
