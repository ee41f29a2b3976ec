"""Measurements, each a module that prints a table and writes JSON: python -m benchmarks.NAME."""
