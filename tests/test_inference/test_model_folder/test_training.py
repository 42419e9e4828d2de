"""What a folder says about its training: hashes, and how far a tile is from it."""

import hashlib
import shutil

import numpy as np
import pandas as pd
import pytest
from mmcv import Config
from scipy.spatial.distance import mahalanobis

from cite.inference.model_folder.read import read_model
from cite.inference.model_folder.training import describe_training
from cite.inference.model_folder.training_features import TrainingFeatures


def test_quickhashes_and_patients(data, run, tmp_path):
    cfg = Config.fromfile(str(run / 'config.py'))
    ann = (data / 'gastric_cls3_ann/train_all_0.5.txt').read_text().splitlines()
    slides = sorted({line.partition('_')[0] for line in ann})
    copy = shutil.copytree(data, tmp_path / 'data')
    rows = pd.DataFrame({'slide': [*slides, 'other'], 'quickhash': 'q'})
    rows['quickhash'] += rows.index.astype(str)
    rows.to_csv(copy / 'slides.csv', index=False)
    cfg.data.train.data_prefix = f'{copy}/patches_captions/'
    table = pd.DataFrame({'slide_id': slides, 'Patient': 'Ms Example'})
    table.to_csv(tmp_path / 'patients.csv', index=False)
    found = describe_training(cfg, tmp_path / 'patients.csv')
    sha = [hashlib.sha256(f'q{i}'.encode()).hexdigest() for i in range(len(slides))]
    assert found['quickhashes'] == sorted(sha)
    assert found['patients'] == [hashlib.sha256(b'Ms Example').hexdigest()]
    assert found['patches'] == len(ann)
    # Blank cells at the end of rows do not move the columns.
    rows_of_table = ''.join(f'{slide} ,Ms Example,\n' for slide in slides)
    (tmp_path / 'patients.csv').write_text('slide_id,Patient\n' + rows_of_table)
    assert describe_training(cfg, tmp_path / 'patients.csv') == found
    (tmp_path / 'patients.csv').write_text('slide,patient\nother,P1\n')
    with pytest.raises(ValueError, match='none of the training slides'):
        describe_training(cfg, tmp_path / 'patients.csv')
    (tmp_path / 'patients.csv').write_text(
        f'slide,patient\n{slides[0]},P1\n{slides[0]},P2\n'
    )
    with pytest.raises(ValueError, match=r'csv:3: .*above'):
        describe_training(cfg, tmp_path / 'patients.csv')
    cfg.data.train = {'type': 'RepeatDataset', 'times': 2, 'dataset': cfg.data.train}
    assert describe_training(cfg)['slides'] == found['slides']
    rows.drop(columns='quickhash').to_csv(copy / 'slides.csv', index=False)
    with pytest.raises(ValueError, match='needs one of'):
        describe_training(cfg)


def test_the_distance_is_mahalanobis_of_its_covariance():
    rng = np.random.default_rng(0)
    spread = np.diag([9.0, 4.0, 1.0, 1.0, 1.0])
    features = rng.normal(size=(400, 5)) @ spread + 3
    summary = TrainingFeatures.fit(features, np.arange(400) // 10)
    rank = len(summary.variances)
    covariance = summary.rest[0] * (np.eye(5) - summary.axes.T @ summary.axes)
    covariance += summary.axes.T @ np.diag(summary.variances) @ summary.axes
    inverse = np.linalg.inv(covariance)
    assert rank == 4
    expected = [mahalanobis(x, summary.mean, inverse) for x in features[:5]]
    np.testing.assert_allclose(summary.distance(features[:5]), expected)
    # A tenth of new draws is beyond the 90 % quantile.
    fresh = rng.normal(size=(4000, 5)) @ spread + 3
    assert np.mean(summary.quantile(fresh) >= 0.9) == pytest.approx(0.1, abs=0.03)
    assert summary.quantile(fresh[:2] + 100).tolist() == [1, 1]
    again = TrainingFeatures.of_tensors(summary.tensors())
    np.testing.assert_allclose(
        again.distance(fresh), summary.distance(fresh), rtol=1e-4
    )


@pytest.mark.parametrize('case', ['few', 'equal', 'one slide', 'wide'])
def test_poor_features(case):
    rng = np.random.default_rng(0)
    features, slides = rng.normal(size=(12, 40)), np.arange(12) // 3
    if case == 'few':
        features, slides = features[:4], slides[:4]
    if case == 'equal':
        features[:] = 1.5
    if case == 'one slide':
        slides[:] = 0
    if case == 'wide':
        features, slides = rng.normal(size=(200, 1536)), np.arange(200) // 5
    summary = TrainingFeatures.fit(features, slides)
    assert np.isfinite(summary.distance(features)).all()
    tensors = summary.tensors()
    TrainingFeatures.of_tensors(tensors)
    assert sum(array.nbytes for array in tensors.values()) < 500_000
    with pytest.raises(ValueError, match='too few'):
        TrainingFeatures.fit(features[:3], slides[:3])


def test_the_exported_summary_knows_noise_from_training(exported):
    summary = read_model(exported).training_features
    assert summary.mean.shape == (16,)
    far = summary.mean + 1000
    assert summary.quantile(far[None])[0] == 1
