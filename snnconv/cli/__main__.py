"""`python -m snnconv.cli`."""

from snnconv.cli import main

main()
