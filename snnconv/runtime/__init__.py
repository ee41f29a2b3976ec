"""One protocol for all that runs a network, `Runnable`, and its engines.

Engines are torch, integers in torch, onnxruntime, a single step that is streamed, and integers of a hardware folder.
"""
