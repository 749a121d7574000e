"""The engine room: folds, the journal, watched workers and the schedule that spends the seconds."""
