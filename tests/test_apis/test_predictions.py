"""Slides' predictions from what ``mim test --out`` writes."""

import json

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, recall_score

from cite.apis.predictions import NAMES, SlidePredictions, read_predictions


@pytest.fixture
def files(tmp_path):
    """Two patches of slide b, class 1, and three of slide a, class 0, mixed."""
    ann_file = tmp_path / 'val.txt'
    ann_file.write_text('b_1.jpg 1\na_1.jpg 0\na_2.jpg 0\nb_2.jpg 1\na_3.jpg 0\n')
    scores = [[0.5, 0.5], [0.9, 0.1], [0.6, 0.4], [0.25, 0.75], [0.0, 1.0]]
    results = tmp_path / 'results.json'
    results.write_text(json.dumps({'accuracy': 80.0, 'class_scores': scores}))
    return results, ann_file


def test_patches_scores_are_averaged_over_their_slide(files):
    found = read_predictions(*files)
    assert found.slides.tolist() == ['a', 'b']
    assert found.labels.tolist() == [0, 1]
    np.testing.assert_allclose(found.scores, [[0.5, 0.5], [0.375, 0.625]])
    assert found.correct.tolist() == [True, True]  # a tie goes to the lower number


def test_counts_agree_with_scikit_learn():
    rng = np.random.default_rng(0)
    labels = rng.choice([0, 1, 3], 60)  # class 2 has no slide
    found = SlidePredictions(np.arange(60).astype(str), labels, rng.random((60, 4)))
    predicted = found.scores.argmax(1)
    expected = confusion_matrix(labels, predicted, labels=range(4))
    assert (found.confusion() == expected).all()
    recall = recall_score(labels, predicted, average=None, labels=[0, 1, 3])
    np.testing.assert_allclose(found.class_accuracies()[[0, 1, 3]], recall)
    assert np.isnan(found.class_accuracies()[2])


def test_results_of_other_patches(files):
    results, ann_file = files
    ann_file.write_text('b_1.jpg 1\n')
    with pytest.raises(ValueError, match=r'of 5 patches, .*val\.txt lists 1\. Name'):
        read_predictions(results, ann_file)


def test_a_slide_of_two_classes_is_named_with_the_file_that_says_so(files):
    results, ann_file = files
    ann_file.write_text(ann_file.read_text().replace('b_2.jpg 1', 'b_2.jpg 0'))
    with pytest.raises(ValueError, match=r'val\.txt: the patches of slide b carry'):
        read_predictions(results, ann_file)
    values = json.loads(results.read_text())
    values.update(zip(NAMES, (['b_1', 'a_1', 'a_2', 'b_2', 'a_3'], [*'baaba'])))
    values[NAMES[2]] = [1, 0, 0, 0, 0]
    results.write_text(json.dumps(values))
    with pytest.raises(
        ValueError, match=r'results\.json: the patches of slide b carry'
    ):
        read_predictions(results)


def test_no_results(files, tmp_path):
    with pytest.raises(FileNotFoundError, match=r'Write it with `cite test'):
        read_predictions(tmp_path / 'none.json', files[1])


@pytest.mark.parametrize(
    'text', ['{"accuracy": 1}', 'no json', '[1, 2]', '{"class_scores": [1, 2]}']
)
def test_files_without_a_table_of_scores(files, text):
    files[0].write_text(text)
    with pytest.raises(ValueError, match=r'results\.json.*class_scores'):
        read_predictions(*files)


@pytest.mark.parametrize('number', ['NaN', 'Infinity', '1e999'])
def test_scores_that_are_not_finite_are_refused(tmp_path, number):
    path = tmp_path / 'r.json'
    content = {'class_scores': [[0.5, 0.5], [0.5, 'x']]}
    content.update(file=['a_1.jpg', 'b_1.jpg'], slide=['a', 'b'], label=[0, 1])
    path.write_text(json.dumps(content).replace('"x"', number))
    with pytest.raises(ValueError, match=r'1 of 2 patches .*\(first: patch 1\)'):
        read_predictions(path)
