"""The report as a file: size, sameness, alternative texts, contrast."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from damaged_images import jpeg_that_claims, png_with_short_chunk
from made_up_comparison import make_comparison
from PIL import Image
from sklearn.metrics import recall_score

from cite.compare.folder.read_results import read_results
from cite.compare.report import write_all
from cite.compare.report.confusion_matrices import confusion_figure
from cite.compare.report.marks import COLOURS, marks
from cite.compare.report.mistakes import by_confident_mistake
from cite.compare.report.roc_curves import RATES, mean_roc
from cite.compare.report.svg import nice_ticks, tag
from cite.compare.report.thumbnails import Thumbnails

VOID = {'meta', 'link', 'img', 'br', 'input', 'hr'}


class Page(HTMLParser):
    """The elements of a page, and that each is closed in its turn."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.texts = [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if data.strip():
            self.texts.append((self.open[-1] if self.open else '', data.strip()))

    def of(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope='module')
def page(written):
    return Page((written / 'report.html').read_text(encoding='utf-8'))


def test_the_same_folder_gives_the_same_bytes(written):
    names = ['table.md', 'table.csv', 'table.tex', 'report.html']
    before = [(written / name).read_bytes() for name in names]
    assert write_all(written) == [written / name for name in names]
    assert [(written / name).read_bytes() for name in names] == before


def test_nothing_is_fetched(written, page):
    text = (written / 'report.html').read_text(encoding='utf-8')
    assert not re.search(r'https?://|url\(|@import', text)
    for _, attributes in page.elements:
        for name in ('src', 'href', 'srcset', 'data'):
            assert re.match(r'#|data:', attributes.get(name) or '#')


def test_every_picture_has_its_words(page):
    drawings = [a for a in page.of('svg') if a.get('aria-hidden') != 'true']
    assert len(drawings) > 20
    ids = [a['id'] for _, a in page.elements if a.get('id')]
    assert len(ids) == len(set(ids))
    for drawing in drawings:
        assert drawing['role'] == 'img'
        assert drawing['aria-labelledby'] in ids
        assert drawing['aria-describedby'] in ids
    titles = [t for tag, t in page.texts if tag == 'title']
    descriptions = [t for tag, t in page.texts if tag == 'desc']
    assert len(titles) == len(drawings) + 1  # and the page's
    assert len(descriptions) == len(drawings)
    assert page.of('img')
    assert all(len(image['alt']) > 20 for image in page.of('img'))


def test_every_figure_has_a_caption_and_its_numbers(page):
    figures = len(page.of('figure'))
    assert figures == 3 + 8 + 3 * 3  # against shots, differences, curves
    assert len(page.of('figcaption')) == figures
    summaries = [t for _, t in page.texts if t == 'The numbers in this figure']
    assert len(summaries) == figures
    assert len(page.of('caption')) == len(page.of('table'))


def test_the_page_has_landmarks_and_headings_in_order(page):
    for name in ('header', 'nav', 'main', 'footer'):
        assert len(page.of(name)) == 1, name
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch('h[1-6]', tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in zip(levels, levels[1:]))


def test_554_slides_stay_below_5_mb(tmp_path):
    out = make_comparison(tmp_path / 'out', draws=1, seeds=1, pictures=6, patches=4)
    write_all(out)
    size = (out / 'report.html').stat().st_size
    assert 500_000 < size < 5_000_000


def test_pictures_stop_at_the_budget(tmp_path, rng):
    noise = rng.integers(256, size=(300, 300, 3)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / 'a.jpg', quality=95)
    (tmp_path / 'b.jpg').write_text('no image')
    thumbnails = Thumbnails(tmp_path, 30_000)
    addresses = [thumbnails.of('a.jpg') for _ in range(20)]
    kept = [a for a in addresses if a]
    assert 1 <= len(kept) < 20
    assert sum(map(len, kept)) < 30_000 + 30 * len(kept)
    assert thumbnails.over == 20 - len(kept)
    assert [thumbnails.of(name) for name in ('b.jpg', 'c.jpg')] == [None, None]
    assert thumbnails.missing == 2


def test_a_damaged_or_oversized_picture_is_missing(tmp_path):
    (tmp_path / 'damaged.png').write_bytes(png_with_short_chunk())
    (tmp_path / 'huge.jpg').write_bytes(jpeg_that_claims(20_000, 20_000))
    thumbnails = Thumbnails(tmp_path, 30_000)
    assert [thumbnails.of(name) for name in ('damaged.png', 'huge.jpg')] == [None, None]
    assert thumbnails.missing == 2


def test_a_comparison_without_pictures_patches_and_patients_is_reported(tmp_path):
    out = make_comparison(
        *(tmp_path / 'o', 24),
        methods=('cite',),
        shots=('all',),
        draws=0,
        seeds=1,
        patch_files=False,
        patients=False,
        failures=0,
    )
    write_all(out)
    page = Page((out / 'report.html').read_text(encoding='utf-8'))
    text = ' '.join(t for _, t in page.texts)
    assert 'Patients are not known' in text
    assert 'nothing to compare it with' in text
    facts = [words for tag, words in page.texts if tag in ('dt', 'dd')][:8]
    names = ['test slides', 'patients: not known', 'method', 'run']  # one of each
    assert facts == [x for pair in zip(names, ['24', '?', '1', '1']) for x in pair]
    assert not page.of('img')


def test_untrained_methods_alone_are_reported(tmp_path):
    out = make_comparison(
        *(tmp_path / 'o', 24),
        methods=('zeroshot',),
        shots=(1,),
        failures=0,
    )
    write_all(out)
    Page((out / 'report.html').read_text(encoding='utf-8'))


def _confusion(tmp_path, classes):
    out = make_comparison(
        *(tmp_path / 'o', 60),
        methods=('cite', 'linear'),
        shots=(1,),
        draws=2,
        seeds=1,
        failures=0,
        patch_files=False,
        classes=classes,
    )
    results = read_results(out)
    return results, confusion_figure(results, 1, marks(results.methods))


def test_a_confusion_matrix_names_its_classes(tmp_path):
    names = ['Serrated', 'Tubulovillous adenoma with high grade dysplasia', 'Normal']
    _, figure = _confusion(tmp_path, names)
    words = [text for tag, text in Page(figure.pictures[0]).texts if tag == 'text']
    for name in ('Serrated', 'Normal'):
        assert words.count(name) == 2  # at its row and its column
    assert {'Tubulovillous', 'adenoma with hig…', 'Tubulovillous adenoma wit…'} <= {
        *words
    }
    assert 'sensitivity' not in ' '.join(words) + figure.caption


def test_two_classes_have_sensitivity_and_specificity(tmp_path):
    results, figure = _confusion(tmp_path, ['Benign', 'Malignant'])
    runs = results.of('linear', 1)
    sensitivity, specificity = (
        np.mean(
            [
                recall_score(results.labels, r.scores.argmax(1), pos_label=k)
                for r in runs
            ]
        )
        for k in (1, 0)
    )
    expected = f'sensitivity {100 * sensitivity:.0f} %'
    expected += f', specificity {100 * specificity:.0f} %'
    assert expected in figure.pictures[1]
    assert '“Malignant”, the second class' in figure.caption


def test_confident_mistakes_come_first():
    scores = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.55, 0.45], [0.05, 0.95]])
    labels = np.array([0, 0, 0, 0, 0])
    # Wrong at 0.95, 0.8, 0.6; then right at 0.55, 0.9.
    assert by_confident_mistake(scores, labels).tolist() == [4, 1, 2, 3, 0]


def test_a_roc_curve_by_hand():
    # Falling scores: member, other, member, other. Hits: 1/2 at 0, 1 from 1/2 on.
    rates = mean_roc(np.array([0.9, 0.7, 0.5, 0.3]), np.array([True, False] * 2))
    assert rates[RATES > 0.5] == pytest.approx(1)
    assert rates[0] == 0
    assert rates[10] == pytest.approx(0.5)  # at 0.2
    assert rates[-1] == 1


def test_ticks_are_round_and_span_the_values():
    assert nice_ticks(0.31, 0.78) == [0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
    assert nice_ticks(-3, 12)[0] <= -3
    assert nice_ticks(5, 5)[0] <= 5 <= nice_ticks(5, 5)[-1]


def _luminance(colour):
    values = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [
        v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values
    ]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def _contrast(one, other):
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _themes(written):
    text = (written / 'report.html').read_text(encoding='utf-8')
    blocks = re.findall(r':root \{(.*?)\}', text, re.S)[:2]
    return [dict(re.findall(r'--([a-z-]+): (#[0-9a-f]{6})', block)) for block in blocks]


@pytest.mark.parametrize('theme', [0, 1])
def test_contrast_is_wcag_aa(written, theme):
    colours = _themes(written)[theme]
    for paper in ('paper', 'raised'):
        for ink in ('ink', 'muted', 'said', 'true', 'link'):
            assert _contrast(colours[ink], colours[paper]) >= 4.5, (ink, paper)
    assert _contrast(colours['ink'], colours['caution']) >= 4.5
    for name in ('strong-rule', 'focus'):
        assert _contrast(colours[name], colours['paper']) >= 3, name
    for pair in COLOURS:
        assert _contrast(pair[theme], colours['paper']) >= 3, pair
    # The darkest cell of a confusion matrix: 70 % of its colour on the paper.
    mix = [
        round(
            0.7 * int(colours['heat'][i : i + 2], 16)
            + 0.3 * int(colours['paper'][i : i + 2], 16)
        )
        for i in (1, 3, 5)
    ]
    assert _contrast('#' + ''.join(f'{v:02x}' for v in mix), colours['ink']) >= 4.5


def test_no_two_methods_look_alike_without_colour():
    looks = marks({str(i): '' for i in range(12)}).values()
    assert len({(look.shape, look.hollow) for look in looks}) == 12


def test_an_attribute_ends_where_it_is_closed():
    written = tag('rect', title='"><script>alert(1)</script>')
    page = Page(written)
    assert page.elements == [('rect', {'title': '"><script>alert(1)</script>'})]
