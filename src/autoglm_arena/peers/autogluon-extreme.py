# /// script
# requires-python = ">=3.11"
# dependencies = []
# ///
"""AutoGluon with its preset `extreme_quality`: listed, never played, as its foundation models are downloads."""

READS = ("table", "text")
UNREACHABLE = "needs weights from a hub"
