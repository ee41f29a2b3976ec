"""A spiking network in the making: sites, time, and what becomes of each node."""
