"""Turn trained neural networks into spiking neural networks that keep their accuracy at 1 to 8 time steps."""
