"""Files that other people's software reads, and files of theirs: ONNX, NIR, and folders of integers for hardware."""
