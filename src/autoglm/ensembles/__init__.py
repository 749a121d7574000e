"""Ensembles: which members with which weights, how sure to be, and where to draw the line between classes."""
