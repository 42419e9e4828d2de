"""The report's marks against the tables': the best in bold, stars, filled marks."""

import re

import pandas as pd
import pytest
from made_up_comparison import FIGURES, make_comparison

from cite.compare.report import write_all

LESS = ('ece', 'ece_debiased', 'nll')


@pytest.fixture(scope='module')
def starred(tmp_path_factory):
    """Return a folder in which some methods differ and others do not."""
    out = make_comparison(
        tmp_path_factory.mktemp('starred') / 'out',
        slides=150,
        methods=('cite', 'cite-noprompt', 'finetune', 'linear'),
        shots=(1, 'all'),
        patch_files=False,
        failures=0,
    )
    write_all(out)
    return out


@pytest.fixture(scope='module')
def tested(starred):
    """Return the lines of ``table.csv`` that hold a comparison."""
    table = pd.read_csv(starred / 'table.csv', dtype={'shots': str})
    table = table[table.difference.notna()]
    # All training slides are one draw; a calibration error has no interval.
    untested = (table.shots == 'all') | table.figure.isin(['ece', 'ece_debiased'])
    assert (table.p_holm.isna() == untested).all()
    stars = table.p_holm <= 0.05
    assert stars.any()
    assert not stars.all()
    return table.assign(star=stars)


@pytest.fixture(scope='module')
def page(starred):
    return (starred / 'report.html').read_text(encoding='utf-8')


@pytest.fixture(scope='module')
def cells(page):
    """Return shots, label, figure, value, bold and star of the headline table."""
    table = re.search(r'<table [^>]*id="headline-slide">.*?</table>', page, re.S)[0]
    row = r'<tr data-shots="(.*?)".*?<th scope="row" data-value="(.*?)">(.*?)</tr>'
    cell = r'<td data-value="(\S+)"><span class="estimate( best)?">[^<]*(<b class="st)?'
    return pd.DataFrame(
        [
            (shots, label, figure, float(value), bool(bold), bool(star))
            for shots, label, text in re.findall(row, table, re.S)
            for figure, (value, bold, star) in zip(FIGURES, re.findall(cell, text))
        ],
        columns=['shots', 'label', 'figure', 'value', 'bold', 'star'],
    )


def test_the_best_with_as_many_slides_is_bold(cells):
    groups = cells.groupby(['shots', 'figure'])
    assert len(groups) == 2 * len(FIGURES)
    for (_, figure), group in groups:
        best = group.value.min() if figure in LESS else group.value.max()
        assert group.value[group.bold].tolist() == [best]


def test_a_star_in_the_headline_is_the_tables(cells, tested):
    both = cells.merge(tested, on=['shots', 'label', 'figure'])
    assert len(both) == len(tested)
    assert (both.star_x == both.star_y).all()
    assert cells.star.sum() == tested.star.sum()


def test_a_star_in_markdown_and_latex_is_the_tables(starred, tested):
    for name, star in (('table.md', r'\]\*'), ('table.tex', '$^{*}$')):
        assert (starred / name).read_text().count(star) == tested.star.sum(), name


def test_differences_are_drawn_and_said_as_tested(page, tested):
    for figure, mine in tested.groupby('figure'):
        section = re.search(
            rf'<figure [^>]*id="differences-{figure}">.*?</figure>', page, re.S
        )[0]
        descriptions = ' '.join(re.findall(r'<desc[^>]*>(.*?)</desc>', section))
        caption = re.search(r'<figcaption>(.*?)</figcaption>', section, re.S)[1]
        rows = re.findall(r'<tr><th scope="row">.*?</tr>', section)
        assert len(rows) == len(mine)
        stars, without = mine.star.sum(), mine.p.isna().sum()
        assert sum('*' in row for row in rows) == stars
        assert section.count('class="mark"') == stars
        assert section.count('class="mark hollow"') == len(mine) - stars
        assert descriptions.count('], differs.') == stars
        shown = descriptions.count('], no difference shown.')
        assert shown == len(mine) - stars - without
        assert descriptions.count('not tested.') == without
        assert f'Better is to the {"left" if figure in LESS else "right"}' in caption
