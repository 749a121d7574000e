"""Preparation inside a fold: what a learner does to features before it learns, kept with its model."""
