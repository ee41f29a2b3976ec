"""Graphs of modules: from ONNX, to ONNX, and passes over them. Knows nothing of spikes."""
