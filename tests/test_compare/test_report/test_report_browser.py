"""The report in a browser without a window."""

import pytest
from chromium import NAMES, find_chromium

playwright = pytest.importorskip('playwright.sync_api')
CHROMIUM = find_chromium()
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason=f'none of {", ".join(NAMES)} is installed'
)


@pytest.fixture(scope='module')
def browser():
    with playwright.sync_playwright() as driver:
        # Chromium's sandbox refuses root, the user of containers; the page is trusted.
        arguments = {'executable_path': CHROMIUM, 'args': ['--no-sandbox']}
        with driver.chromium.launch(**arguments) as started:
            yield started


@pytest.fixture
def open_page(browser, written):
    """Return the function that opens the report; what went wrong is in ``page.log``."""
    contexts = []

    def opened(path=None, **options):
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.log, page.requests = [], []
        page.on('console', lambda message: page.log.append(message.text))
        page.on('pageerror', lambda error: page.log.append(str(error)))
        page.on('request', lambda request: page.requests.append(request.url))
        page.goto(f'file://{path or written / "report.html"}')
        return page

    yield opened
    for context in contexts:
        context.close()


def _column(page, place, table='#headline-slide'):
    return page.eval_on_selector_all(
        f'{table} tbody tr:not([hidden])',
        f'rows => rows.map(r => r.cells[{place}].dataset.value ?? '
        f'r.cells[{place}].textContent)',
    )


def test_it_opens_without_an_error_and_nothing_leaves(open_page):
    page = open_page()
    for summary in page.query_selector_all('details.more > summary'):
        summary.click()
    page.wait_for_load_state('networkidle')
    assert page.log == []
    outside = [url for url in page.requests if not url.startswith(('file:', 'data:'))]
    assert outside == []
    assert page.title().startswith('Few-slide grading')
    widths = page.eval_on_selector_all(
        '.patches img', 'all => all.map(i => i.naturalWidth)'
    )
    assert set(widths) == {112}


def test_a_request_would_be_refused(open_page):
    page = open_page()
    with page.expect_console_message() as message:
        page.evaluate("fetch('http://[::1]:9/x').catch(() => null)")
    assert 'Content Security Policy' in message.value.text


def test_the_table_sorts_by_a_click(open_page):
    page = open_page()
    page.click('#headline-slide button:has-text("Acc.") >> nth=0')
    head = page.locator('#headline-slide th[aria-sort]')
    assert head.count() == 1
    assert head.get_attribute('aria-sort') == 'ascending'
    values = [float(x) for x in _column(page, 3)]
    assert values == sorted(values)
    page.click('#headline-slide button:has-text("Acc.") >> nth=0')
    assert head.get_attribute('aria-sort') == 'descending'
    assert [float(x) for x in _column(page, 3)] == sorted(values, reverse=True)
    assert 'Sorted by Acc.' in page.inner_text('#said')


def test_the_table_sorts_by_the_keyboard(open_page):
    page = open_page()
    page.focus('#headline-slide th:first-child button')
    page.keyboard.press('Enter')
    names = _column(page, 0)
    assert names == sorted(names)
    page.keyboard.press('Tab')
    page.keyboard.press('Space')
    shots = [float(x) for x in _column(page, 1)]
    assert shots == sorted(shots)
    assert page.get_attribute('#headline-slide th:nth-child(2)', 'aria-sort')
    assert page.get_attribute('#headline-slide th:first-child', 'aria-sort') is None


def test_the_slides_sort_too(open_page):
    page = open_page()
    page.click('details:has(#slides) > summary')
    before = _column(page, 0, '#slides')
    page.click('#slides button:has-text("Confidence")')
    place = 4
    values = [float(x) for x in _column(page, place, '#slides')]
    assert values == sorted(values)
    assert _column(page, 0, '#slides') != before


def test_rows_are_filtered_by_shots(open_page):
    page = open_page()
    page.click('.filters button:text-is("4")')
    assert page.eval_on_selector_all(
        '#headline-slide tbody tr:not([hidden])', 'r => r.map(x => x.dataset.shots)'
    ) == ['4', '4', '4']


def test_the_first_tab_skips_to_the_results(open_page):
    page = open_page()
    page.keyboard.press('Tab')
    assert page.evaluate('document.activeElement.className') == 'skip'
    page.keyboard.press('Enter')
    assert page.evaluate('document.activeElement.id') == 'main'


def test_a_screen_reader_meets_every_picture_with_its_words(open_page):
    page = open_page()
    names = page.get_by_role('img').evaluate_all(f'all => all.map({_NAME})')
    assert len(names) > 10
    assert all(names)


# The name of a drawing is its title's text; of a picture its alternative text.
_NAME = """e => e.alt ??
    document.getElementById(e.getAttribute('aria-labelledby')).textContent"""


def test_a_method_is_brought_out(open_page):
    page = open_page()
    page.click('#shots button.pick:has-text("Linear probe")')
    page.mouse.move(0, 0)
    shown = page.eval_on_selector_all(
        '#shots .series.out', 'all => [...new Set(all.map(s => s.dataset.method))]'
    )
    assert shown == ['linear']


@pytest.mark.parametrize('width', [320, 390, 768, 1360])
def test_the_page_does_not_scroll_sideways(open_page, width):
    page = open_page(viewport={'width': width, 'height': 844})
    page.eval_on_selector_all('details', 'all => all.forEach(d => { d.open = true })')
    assert page.evaluate('document.documentElement.scrollWidth') <= width


@pytest.mark.parametrize('width', [1280, 1440, 1920])
def test_no_column_of_the_metrics_is_cut_off_on_a_desk(open_page, width):
    page = open_page(viewport={'width': width, 'height': 844})
    right = page.eval_on_selector(
        '#headline-slide thead th:last-child', 'e => e.getBoundingClientRect().right'
    )
    box = page.locator('.scroll:has(#headline-slide)').bounding_box()
    assert page.inner_text('#headline-slide thead th:last-child').startswith('NLL')
    assert right <= box['x'] + box['width'] + 0.5


def test_it_follows_the_readers_theme(open_page):
    colours = [
        open_page(color_scheme=scheme).evaluate(
            'getComputedStyle(document.body).backgroundColor'
        )
        for scheme in ('light', 'dark')
    ]
    assert colours == ['rgb(255, 255, 255)', 'rgb(17, 23, 29)']


def test_it_prints_light_and_whole(open_page):
    page = open_page(color_scheme='dark')
    page.emulate_media(media='print')
    assert (
        page.evaluate('getComputedStyle(document.body).backgroundColor')
        == 'rgb(255, 255, 255)'
    )
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert (
        page.eval_on_selector_all('details.more:not([open])', 'all => all.length') == 0
    )
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.eval_on_selector_all('details.more[open]', 'all => all.length') == 0
    assert page.pdf()[:5] == b'%PDF-'


def test_it_reads_without_scripts(open_page):
    page = open_page(java_script_enabled=False)
    assert page.locator('#headline-slide tbody tr').count() == 10
    assert page.locator('.filters').is_hidden()
