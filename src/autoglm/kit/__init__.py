"""Plumbing of services: settings, meters and their push, logs, traces, retries, circuit breaker, queues."""
