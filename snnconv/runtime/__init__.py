"""Engines that run a network: torch, integers in torch, onnxruntime, and a single step that is streamed."""
