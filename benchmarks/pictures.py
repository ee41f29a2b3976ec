"""The pictures of docs/report.md, docs/demo.md and docs/compare.md, from the digits that `snnconv demo` trains on.

    python -m benchmarks.pictures

It takes about a minute on two cores, and nothing from a network. `--screenshot` adds a picture of the report's page,
made with Chromium and playwright.
"""

from __future__ import annotations

import argparse
import re
import shutil
import tempfile
from importlib.resources import files
from pathlib import Path

from PIL import Image

from snnconv.demo import ANN_FILE, REPORT_FILE, SNN_FILE, run_demo
from snnconv.loading import load
from snnconv.reporting import Grid, gather
from snnconv.reporting.comparison_figures import energy_front
from snnconv.reporting.figures import curves_figure
from snnconv.reporting.gather_comparison import gather_comparison
from snnconv.reporting.site_figures import errors_figure

COLOURS = 64  # of a photograph: small, and as good to the eye
GRID = Grid((1, 2, 4, 8), (1,), ("mean", "causal"))


def standalone(svg: str) -> str:
    """A picture of a page as a file of its own, with the page's colours for light and dark."""
    style = files("snnconv.reporting").joinpath("templates", "style.css").read_text(encoding="utf-8")
    roots = re.findall(r":root \{.*?\}", style, flags=re.S)
    colours = f"{roots[0]} @media (prefers-color-scheme: dark) {{ {roots[1]} }} text {{ font-family: sans-serif }}"
    head, body = svg.split(">", 1)
    width, height = re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', head)[0]
    head += f' width="{width}pt" height="{height}pt" xmlns="http://www.w3.org/2000/svg"'
    return f"{head}><style>{colours}</style>{body}\n"


def draw(folder: Path, made: Path) -> None:
    """Write every picture, from the files of a demo."""
    ann, snn = load(made / ANN_FILE), load(made / SNN_FILE)
    found = gather(snn, "digits", against=ann)
    level = found.summary.against_accuracy
    pictures = {
        "report-time": curves_figure(found.curves, "accuracy_at", level, "quantized network"),
        "report-errors": errors_figure(found.sites),
        "compare-energy": energy_front(gather_comparison([("digits", snn)], "digits", against=("ann", ann), grid=GRID)),
    }
    for name, svg in pictures.items():
        (folder / f"{name}.svg").write_text(standalone(svg), encoding="utf-8")


def photograph(page: Path, picture: Path) -> None:
    """The first screen of a page."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        opened = browser.new_page(viewport={"width": 960, "height": 980})
        opened.goto(page.resolve().as_uri())
        opened.screenshot(path=picture)
        browser.close()
    Image.open(picture).convert("RGB").quantize(COLOURS).save(picture, optimize=True)


def main() -> None:
    """Run the demo in a folder of its own, and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("docs/img"))
    parser.add_argument("--screenshot", action="store_true")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        run_demo(Path(made))
        draw(given.folder, Path(made))
        if given.screenshot:
            photograph(Path(made) / REPORT_FILE, given.folder / "report.png")


if __name__ == "__main__":
    main()
