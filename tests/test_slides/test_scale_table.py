"""Microns per pixel from a table: which slides its rows are meant for."""

from pathlib import Path

import pytest

from cite.slides.find_slides import SlideFile
from cite.slides.scale_table import ScaleTable

SLIDES = [SlideFile(Path(f's/{name}.svs'), name) for name in ('A1', 'B2')]


def table(folder, text):
    path = folder / 'mpp.csv'
    path.write_text(text)
    return str(path)


def test_rows_are_named_like_the_file_or_the_slide(tmp_path):
    scales = ScaleTable(table(tmp_path, 'slide,mpp,\nA1.svs,0.25,\nB2,0.5,\n'), SLIDES)
    assert [scales[slide] for slide in SLIDES] == [0.25, 0.5]


def test_rows_may_be_paths(tmp_path):
    text = 'slide,mpp\ns/A1.svs,0.25\nC:\\old\\B2.svs,0.5\n'
    scales = ScaleTable(table(tmp_path, text), SLIDES)
    assert [scales[slide] for slide in SLIDES] == [0.25, 0.5]
    with pytest.raises(ValueError, match=r"mpp.csv:3: slide 'A1.svs' .* listed twice"):
        ScaleTable(table(tmp_path, 'slide,mpp\na/A1.svs,1\nb/A1.svs,2\n'), SLIDES)


def test_rows_of_other_slides_alone_do_no_harm(tmp_path, recwarn):
    text = 'slide,mpp\nA1,0.25\nB2\u200b,0.5\nC3,1\n'
    assert ScaleTable(table(tmp_path, text), SLIDES)[SLIDES[1]] == 0.5
    assert not recwarn.list


def test_a_misspelt_slide_does_not_fall_back_in_silence(tmp_path):
    with pytest.warns(UserWarning, match=r'rows B-2 .* slides B2 have no row'):
        ScaleTable(table(tmp_path, 'slide,mpp\nA1,0.25\nB-2,0.5\n'), SLIDES)
    with pytest.raises(ValueError, match='names of their files'):
        ScaleTable(table(tmp_path, 'slide,mpp\na1,0.25\n'), SLIDES)
