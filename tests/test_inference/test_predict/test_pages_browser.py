"""The viewer and the report in a browser without a window, opened from the disk."""

import csv

import numpy as np
import pytest
from chromium import NAMES, find_chromium
from made_up_slide import CLASSES, ArraySlide, made_up_tiles

from cite.inference.predict.outputs.maps import write_maps
from cite.inference.predict.outputs.tile_table import write_tile_csv
from cite.inference.predict.report.page import report_page
from cite.inference.predict.viewer.write_viewer import write_viewer

playwright = pytest.importorskip('playwright.sync_api')
CHROMIUM = find_chromium()
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason=f'none of {", ".join(NAMES)} is installed'
)
PHONE = {
    'viewport': {'width': 390, 'height': 844},
    'has_touch': True,
    'is_mobile': True,
}


@pytest.fixture(scope='module')
def browser():
    with playwright.sync_playwright() as driver:
        # Chromium's sandbox refuses root, the user of containers; the page is trusted.
        arguments = {'executable_path': CHROMIUM, 'args': ['--no-sandbox']}
        with driver.chromium.launch(**arguments) as started:
            yield started


@pytest.fixture(scope='module')
def written(tmp_path_factory):
    """Return a folder with the pages of a made-up slide, and its CSV."""
    out = tmp_path_factory.mktemp('pages')
    slide, tiles = ArraySlide(), made_up_tiles()
    shares = tiles.probabilities.mean(0).tolist()
    summary = {
        'name': 's',
        'predicted': CLASSES[int(np.argmax(shares))],
        'probabilities': shares,
        'facts': [('Tiles', '39')],
        'flags': ['Little <i>tissue</i>.'],
    }
    missing = np.array([[300, 200]])

    def read(i):
        return slide.read(*tiles.coords[i].tolist(), 0, 100, 100)

    write_viewer(out / 'viewer' / 's', slide, tiles, 0.5, summary, read, missing)
    (out / 'tiles').mkdir()
    write_tile_csv(out / 'tiles' / 's.csv', tiles)
    (out / 'maps').mkdir()
    write_maps(out / 'maps', 's', tiles, slide.pixels, 1.0)
    manifests = [_manifest('s', shares), _manifest('t <b>2</b>', shares[::-1])]
    failures = {'broken.svs': 'it is <cut>'}
    model = {'classes': CLASSES, 'facts': [('Digest', 'abc')]}
    page = report_page(out, manifests, failures, model)
    (out / 'report.html').write_text(page, encoding='utf-8')
    return out


def _manifest(name, shares):
    return {
        'id': name,
        'file': f'{name}.svs',
        'tissue': {'area_mm2': 1.5 if name == 's' else 0.25},
        'flags': [{'key': 'uncalibrated', 'text': 'Not calibrated.'}],
        'answer': {
            'predicted': CLASSES[int(np.argmax(shares))],
            'probabilities': dict(zip(CLASSES, shares)),
            'set': None,
            'tiles': 39,
            'missing': 1,
        },
    }


@pytest.fixture
def open_page(browser, written):
    """Return the function that opens a page; what went wrong is in ``page.log``."""
    contexts = []

    def opened(file, **options):
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.log, page.requests = [], []
        page.on('console', lambda message: page.log.append(message.text))
        page.on('pageerror', lambda error: page.log.append(str(error)))
        page.on('requestfailed', lambda request: page.log.append(request.url))
        page.on('request', lambda request: page.requests.append(request.url))
        page.goto(f'file://{written / file}')
        page.wait_for_load_state('networkidle')
        return page

    yield opened
    for context in contexts:
        context.close()


VIEWER = 'viewer/s/index.html'


def _place(page, x, y):
    """Return where a pixel of level 0 is on the page; the slide fills one axis."""
    box = page.locator('#slide').bounding_box()
    zoom = min(box['width'] / 1000, box['height'] / 700)
    left = box['x'] + (box['width'] - 1000 * zoom) / 2
    top = box['y'] + (box['height'] - 700 * zoom) / 2
    return left + x * zoom, top + y * zoom


def _rows(written):
    with open(written / 'tiles' / 's.csv', newline='', encoding='utf-8') as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize('options', [{}, PHONE], ids=['desktop', 'phone'])
def test_the_slide_is_shown_and_nothing_leaves(open_page, options):
    page = open_page(VIEWER, **options)
    page.wait_for_timeout(300)
    assert page.log == []
    outside = [url for url in page.requests if not url.startswith(('file:', 'data:'))]
    assert outside == []
    assert any('/tiles/' in url and url.endswith('.jpg') for url in page.requests)
    width = page.evaluate('document.documentElement.scrollWidth')
    assert width <= page.viewport_size['width']


def test_the_slides_own_colours_are_in_place(open_page):
    """Red rises from left to right and green from top to bottom."""
    page = open_page(VIEWER, viewport={'width': 1368, 'height': 700})
    page.keyboard.press('0')
    page.wait_for_timeout(300)
    from io import BytesIO

    from PIL import Image

    image = Image.open(BytesIO(page.screenshot())).convert('RGB')
    for x, y in ((150, 350), (500, 100), (850, 100)):
        got = image.getpixel(tuple(round(n) for n in _place(page, x, y)))
        assert got == pytest.approx((x * 255 / 1000, y * 255 / 700, 200), abs=8)


def test_a_hover_shows_the_numbers_of_the_csv(open_page, written):
    page = open_page(VIEWER)
    for row in (_rows(written)[0], _rows(written)[20]):
        x, y = int(row['minx']), int(row['miny'])
        page.mouse.move(*_place(page, x + 30, y + 60))
        cells = page.locator('#tip td').all_inner_texts()
        assert cells == [f'{float(row[f"prob_{name}"]):.4f}' for name in CLASSES]
        assert page.locator('#tip th').all_inner_texts() == CLASSES
        assert f'x {x}, y {y}' in page.inner_text('#tip')


def test_a_tap_shows_them_too(open_page, written):
    page = open_page(VIEWER, **PHONE)
    row = _rows(written)[0]
    page.touchscreen.tap(*_place(page, int(row['minx']) + 50, int(row['miny']) + 50))
    page.wait_for_selector('#tip:not([hidden]) td')
    cells = page.locator('#tip td').all_inner_texts()
    assert cells == [f'{float(row[f"prob_{name}"]):.4f}' for name in CLASSES]


def test_a_missing_tile_says_so_and_glass_says_nothing(open_page):
    page = open_page(VIEWER)
    page.mouse.move(*_place(page, 350, 250))
    assert page.inner_text('#tip') == 'This tile could not be read.'
    page.mouse.move(*_place(page, 50, 50))
    assert page.locator('#tip').is_hidden()


def test_layers_switch_by_mouse_and_keys(open_page):
    page = open_page(VIEWER)
    pixels = {}
    for value in ('class', '0', '1', '2', 'none'):
        page.check(f'input[name=layer][value="{value}"]')
        pixels[value] = page.evaluate("document.getElementById('heat').toDataURL()")
    assert len(set(pixels.values())) == 5
    page.keyboard.press('2')
    assert page.is_checked('input[name=layer][value="1"]')
    assert (
        page.locator('.top-tiles:not([hidden]) h2')
        .inner_text()
        .endswith(CLASSES[1].upper())
    )
    before = page.input_value('#opacity')
    page.keyboard.press(']')
    assert int(page.input_value('#opacity')) == int(before) + 10


def test_the_surest_tiles_are_the_csvs(open_page, written):
    page = open_page(VIEWER)
    shares = sorted(float(r[f'prob_{CLASSES[0]}']) for r in _rows(written))[::-1]
    shown = page.locator('[data-class="0"] [data-tile] span').all_text_contents()
    assert shown == [f'{p:.3f}' for p in shares[:8]]
    page.keyboard.press('1')
    page.keyboard.press('n')
    page.wait_for_selector('#tip:not([hidden])')
    assert page.locator('#tip td').first.inner_text() == f'{shares[0]:.4f}'
    assert page.log == []


@pytest.mark.parametrize('options', [{}, PHONE], ids=['desktop', 'phone'])
def test_the_report_opens_and_fits(open_page, options):
    page = open_page('report.html', **options)
    assert page.log == []
    width = page.evaluate('document.documentElement.scrollWidth')
    assert width <= page.viewport_size['width']
    assert page.locator('#answers tbody tr').count() == 2
    assert 'it is <cut>' in page.inner_text('.failed')
    assert page.locator('#answers b').count() == 0  # the slide's name is text


def test_the_report_leads_to_the_viewer_and_back(open_page):
    page = open_page('report.html')
    page.click('#answers a:text-is("s")')
    page.wait_for_selector('#heat')
    page.click('text=All slides')
    page.wait_for_selector('#answers')


def test_the_report_sorts_and_filters(open_page):
    page = open_page('report.html')
    names = '#answers tbody tr:not([hidden]) th'
    page.click('button:has-text("Tissue")')
    assert page.locator(names).first.get_attribute('data-value') == 't <b>2</b>'
    page.click('button:has-text("Tissue")')
    assert page.locator(names).first.get_attribute('data-value') == 's'
    row = page.locator('#answers tbody tr').first
    predicted = row.get_attribute('data-class')
    page.locator('.filters button', has_text=predicted).first.click()
    shown = page.locator('#answers tbody tr:not([hidden])')
    expected = {shown.nth(i).get_attribute('data-class') for i in range(shown.count())}
    assert expected == {predicted}
