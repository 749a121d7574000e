"""Plots as inline SVG, written by hand: no plotting library, colours from the page's style sheet."""
