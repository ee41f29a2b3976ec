"""Costs of a network's spikes and real values: counts of operations, and their estimated energy."""
