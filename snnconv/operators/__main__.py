"""Print the page of the documentation that shows every operator: `python -m snnconv.operators > docs/operators.md`."""

import sys

from snnconv.operators._page import operators_page

if __name__ == "__main__":
    sys.stdout.write(operators_page())
