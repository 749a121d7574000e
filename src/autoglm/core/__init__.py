"""The vocabulary of the house: data, tasks, metrics, features, seeds, budgets, shelves, errors."""
