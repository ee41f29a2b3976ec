"""What a network's spikes and real values cost: counts of operations and the energy they are estimated at."""
