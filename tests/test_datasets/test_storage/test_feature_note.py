"""The note beside feature files may be damaged or written by anyone."""

import pytest

from cite.datasets.storage.feature_note import check_note, read_note

DEEP = '{"annotation":' + '[' * 100_000 + ']' * 100_000 + '}'


@pytest.mark.parametrize(
    'text',
    [
        '{',
        '[]',
        'null',
        '"x"',
        '{"annotation": "x"}',
        '{"annotation": null}',
        '{"annotation": {"digest": "lines"}, "backbone": []}',
        pytest.param(DEEP, id='deep'),
        pytest.param('\udcff', id='no text'),
    ],
)
def test_a_damaged_note_is_named_with_the_remedy(tmp_path, text):
    (tmp_path / 'f.json').write_text(text, errors='surrogateescape')
    with pytest.raises(ValueError, match=r'f\.json is .*Extract the features again'):
        check_note(str(tmp_path / 'f'), 'lines', 'ann.txt', 'backbone')
    with pytest.raises(ValueError, match=r'f\.json is .*Extract the features again'):
        read_note(str(tmp_path / 'f'))
