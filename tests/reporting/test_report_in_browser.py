"""The pages in headless Chromium: what a reader sees, at a desk and on a phone, in light and in dark."""

from __future__ import annotations

import shutil

import pytest
from report_cases import labelled

from snnconv.reporting import Grid, ReportOptions, compare, report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE, DESK = {"width": 360, "height": 740}, {"width": 1280, "height": 900}
LEAST_CONTRAST = 4.5  # of text to what lies behind it: WCAG 2.2, level AA

OPEN_ALL = "document.querySelectorAll('details').forEach(each => each.open = true)"
SIZES = """selector => [...document.querySelectorAll(selector)].map(each => {
  const box = each.getBoundingClientRect(); return [each.id || each.tagName, box.width, box.height, box.right]; })"""
TEXTS = """() => {
  const number = text => { const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number); return [r, g, b, a]; };
  const light = ([r, g, b]) => { const [x, y, z] = [r, g, b].map(v => v / 255).map(
    v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * x + 0.7152 * y + 0.0722 * z; };
  const behind = each => { for (; each; each = each.parentElement) {
    const colour = number(getComputedStyle(each).backgroundColor); if (colour[3] > 0) return colour; } };
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const text = walk.currentNode.textContent.trim(), each = walk.currentNode.parentElement;
    if (!text || ['TITLE', 'DESC', 'title', 'desc', 'STYLE'].includes(each.tagName)) continue;
    const style = getComputedStyle(each), svg = each.closest('svg');
    const ink = number(svg ? style.fill : style.color), paper = behind(svg || each);
    const [a, b] = [light(ink), light(paper)].sort((x, y) => y - x);
    found.push([text.slice(0, 40), (a + 0.05) / (b + 0.05), parseFloat(style.fontSize)]);
  }
  return found;
}"""


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install playwright"
    )
    if CHROMIUM is None:
        pytest.skip("there is no chromium here: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory, ann, snn):
    folder = tmp_path_factory.mktemp("pages")
    images = labelled(ann, folder / "images.npz")
    report(
        snn, images, folder / "report.html", against=ann, options=ReportOptions(site_images=8, command="snnconv report")
    )
    compare([snn], images.spec, folder / "compare.html", against=ann, grid=Grid((1, 4, 8), None, ("mean", "causal")))
    return folder


@pytest.fixture(params=["report", "compare"])
def opened(request, browser, pages):
    """Open a page of a size and colour scheme; afterwards nothing was asked of the network, and nothing complained."""
    left = []

    def go(size, scheme="light"):
        page = browser.new_page(viewport=size, color_scheme=scheme)
        said, asked = [], []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda made: asked.append(made.url))
        page.goto((pages / f"{request.param}.html").as_uri(), wait_until="load")
        left.append((page, said, asked))
        return page

    yield go
    for page, said, asked in left:
        page.close()
        assert said == []
        assert all(url.startswith(("file:", "data:")) for url in asked)


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_it_renders_and_nothing_scrolls_sideways(size, opened):
    page = opened(size)
    page.evaluate(OPEN_ALL)
    whole = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert whole[0] <= whole[1]
    for selector in ("section", "svg", "figure", "table", "dl"):
        for name, width, height, right in page.evaluate(SIZES, selector):
            assert width > 30, (selector, name)
            assert height > 10, (selector, name)
            assert right <= size["width"] + 0.5, (selector, name)
    inner = """[...document.querySelectorAll('main *')].filter(each => each.scrollWidth > each.clientWidth + 1
        && ['auto', 'scroll'].includes(getComputedStyle(each).overflowX)).length"""
    assert page.evaluate(inner) == 0
    assert page.evaluate("[...document.images].every(each => each.complete && each.naturalWidth > 0)")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(scheme, opened):
    page = opened(PHONE, scheme)
    page.evaluate(OPEN_ALL)
    texts = page.evaluate(TEXTS)
    assert len(texts) > 50
    assert [each for each in texts if each[1] < LEAST_CONTRAST] == []
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark == (scheme == "dark")


def test_text_in_pictures_is_as_large_as_print(opened):
    """A picture's own units shrink with it: 7.5 pixels at a phone's width."""
    page = opened(PHONE)
    page.evaluate(OPEN_ALL)
    scaled = """[...document.querySelectorAll('svg text')].map(each => {
        const on = each.getScreenCTM();
        return parseFloat(getComputedStyle(each).fontSize) * Math.hypot(on.a, on.b); })"""
    assert min(page.evaluate(scaled)) >= 7.5
