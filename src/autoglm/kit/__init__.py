"""Plumbing of a service: retries, circuit breakers, a durable queue with dead letters, pushed metrics."""
