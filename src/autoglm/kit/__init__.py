"""Plumbing of services: settings, meters, logs, traces."""
