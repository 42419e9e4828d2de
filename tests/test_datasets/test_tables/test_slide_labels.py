import pytest

from cite.datasets.tables.annotations import Annotation
from cite.datasets.tables.slide_labels import check_slide_labels


def annotations(*lines):
    return [Annotation(*line) for line in lines]


def test_a_slide_with_two_labels_is_named_with_two_lines():
    lines = annotations(('a_0.jpg', 0), ('b_0.jpg', 1), ('b_1.jpg', 1), ('a_1.jpg', 2))

    with pytest.raises(
        ValueError,
        match=r"ann\.txt: slide 'a' has label 0 in line 1 and label 2 in line 4",
    ):
        check_slide_labels(lines, 'ann.txt')


def test_slides_are_told_apart_up_to_the_first_underscore():
    check_slide_labels(
        annotations(('a_0_b.jpg', 0), ('ab_0.jpg', 1), ('a_1.jpg', 0)), 'ann.txt'
    )
