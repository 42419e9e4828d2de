"""Features of TRIDENT, CLAM and STAMP and CSVs; hostile files are refused."""

import pickle

import h5py
import numpy as np
import pytest
import torch

from cite.apis.import_features import import_features
from cite.apis.import_features.slide_features import read_slide_features
from cite.apis.import_features.slide_rows import read_slide_rows

RNG = np.random.default_rng(0)
COORDS = np.array([[0, 512], [512, 0], [0, 0]])
FEATURES = RNG.normal(size=(3, 8)).astype(np.float32)
SORTED = FEATURES[[2, 1, 0]]
TABLE = 'id,file,mpp,label\na,x/a.svs,0.25,tumour\nb-1,x/b_1.svs,0.5,normal\n'


def write(path, **arrays):
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, 'w') as file:
        for name, array in arrays.items():
            file[name] = array
    return path


def trident(path, size=512.0):
    write(path, features=FEATURES, coords=COORDS.astype(np.int64))
    with h5py.File(path, 'a') as file:
        file['coords'].attrs['patch_size_level0'] = size
        file['coords'].attrs['target_magnification'] = 'None'
        file['coords'].attrs['name'] = path.stem
    return path


def clam(path):
    return write(path, features=FEATURES, coords=COORDS.astype(np.int32))


def stamp(path):
    arrays = FEATURES.astype(np.float16), (COORDS / 4).astype(np.float32)
    write(path, feats=arrays[0], coords=arrays[1])
    with h5py.File(path, 'a') as file:
        file.attrs.update({'tile_size_um': 128.0, 'unit': 'um', 'extractor': 'uni'})
    return path


def pt(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(torch.from_numpy(FEATURES), path)
    return path


def wsinfer(path):
    lines = ['minx,miny,width,height,prob_a,prob_b']
    lines += [f'{x},{y},512,512,{f[0]},{f[1]}' for (x, y), f in zip(COORDS, FEATURES)]
    path.write_text('\n'.join(lines) + '\n')
    return path


@pytest.fixture
def table(tmp_path):
    path = tmp_path / 'slides.csv'
    path.write_text(TABLE)
    return path


def test_columns_in_another_spelling(tmp_path):
    path = tmp_path / 'slides.csv'
    path.write_text('Slide ID,Patient ID,MPP,Label\na,p1,0.5,tumour\n')
    [row] = read_slide_rows(path)
    assert (row.id, row.class_name, row.mpp, row.file) == ('a', 'tumour', 0.5, None)


@pytest.mark.parametrize(
    ('kind', 'folder', 'end'),
    [
        (trident, 'features_uni', 'h5'),
        (clam, 'h5_files', 'h5'),
        (stamp, 'stamp', 'h5'),
        (wsinfer, '.', 'csv'),
    ],
)
def test_each_package(kind, folder, end, tmp_path, table):
    for name in ('a', 'b_1'):
        kind(tmp_path / 'in' / folder / f'{name}.{end}') if folder != '.' else kind(
            (tmp_path / 'in').mkdir(exist_ok=True) or tmp_path / 'in' / f'{name}.{end}'
        )
    done = import_features(tmp_path / 'in', table, tmp_path / 'f')
    assert done.classes == ['normal', 'tumour']
    features = np.load(tmp_path / 'f_1.npy', mmap_mode='r')
    width = 2 if kind is wsinfer else 8
    expected = SORTED.astype(np.float16) if kind is stamp else SORTED
    assert np.array_equal(features[:3], expected[:, :width].astype(np.float32))
    lines = (tmp_path / 'f.txt').read_text().splitlines()
    assert lines[:3] == ['a_0_0 1', 'a_512_0 1', 'a_0_512 1']
    # STAMP's microns are half as many pixels where a pixel is twice as large.
    assert lines[4] == ('b-1_256_0 0' if kind is stamp else 'b-1_512_0 0')


def test_what_a_killed_import_left_is_removed(tmp_path, table):
    for name in ('a', 'b_1'):
        trident(tmp_path / 'in' / 'features_uni' / f'{name}.h5')
    for name in ('f_1.npy', 'f.txt', 'f.json', 'f2_1.npy'):
        (tmp_path / f'{name}.0123abcd.partial').write_bytes(b'x')
    import_features(tmp_path / 'in', table, tmp_path / 'f')
    left = [path.name for path in tmp_path.glob('*.partial')]
    assert left == ['f2_1.npy.0123abcd.partial']  # of another import


def test_the_data_set_reads_what_is_written(tmp_path, table):
    from mmcls.datasets import build_dataset

    import cite

    cite.register()
    for name in ('a', 'b_1'):
        trident(tmp_path / 'in' / 'features_uni' / f'{name}.h5')
    done = import_features(tmp_path / 'in', table, tmp_path / 'f')
    dataset = build_dataset(
        {
            'type': 'PatchGastricCls3',
            'data_prefix': '',
            'ann_file': str(done.annotation),
            'classes': done.classes,
            'feature_file': str(tmp_path / 'f'),
            'num_aug': 1,
            'pipeline': [],
        },
        {'test_mode': True},
    )
    assert len(dataset) == 6
    assert np.array_equal(dataset.features[1][0], SORTED[1])


@pytest.mark.parametrize(
    ('head', 'row'),
    [
        ('minx,miny,width,height', '{x},{y},512,512'),
        ('x_start,y_start,x_end,y_end', '{x},{y},{r},{b}'),
        (',x,y,w,h', '{n},{x},{y},512,512'),
        ('index,x,y', '{n},{x},{y}'),
    ],
    ids=['wsinfer', 'tiatoolbox', 'pandas', 'plain'],
)
def test_columns_of_the_box_are_no_features(head, row, tmp_path):
    lines = [f'{head},f0,f1']
    for n, ((x, y), f) in enumerate(zip(COORDS, FEATURES)):
        box = row.format(n=n, x=x, y=y, r=x + 512, b=y + 512)
        lines.append(f'{box},{f[0]},{f[1]}')
    (tmp_path / 'a.csv').write_text('\n'.join(lines) + '\n')
    read = read_slide_features(tmp_path / 'a.csv')
    assert np.array_equal(read.features, SORTED[:, :2])
    assert read.coords.tolist() == [[0, 0], [512, 0], [0, 512]]
    assert read.tile_size == (None if head == 'index,x,y' else 512)


def test_clam_names_the_tile_size_elsewhere_and_pt_has_no_places(tmp_path, table):
    path = clam(tmp_path / 'in' / 'h5_files' / 'a.h5')
    assert read_slide_features(path).tile_size is None
    patches = clam(tmp_path / 'in' / 'patches' / 'a.h5')
    with h5py.File(patches, 'a') as file:
        file['coords'].attrs['patch_size'] = 256
        file['coords'].attrs['patch_level'] = 1
        file['coords'].attrs['downsample'] = (2.0005, 2.0005)
    # 256 pixels of level 1, not of level 0.
    assert read_slide_features(path).tile_size == pytest.approx(512.128)
    for name in ('a', 'b_1'):
        pt(tmp_path / 'pt' / 'pt_files' / f'{name}.pt')
    done = import_features(tmp_path / 'pt', table, tmp_path / 'f')
    assert any('no coordinates' in note for note in done.notes)
    assert (tmp_path / 'f.txt').read_text().startswith('a_row0 1\n')


def bomb(path):
    with h5py.File(path, 'w') as file:
        shape = 10**9, 1024
        file.create_dataset('features', shape, 'f4', chunks=(1, 1024), fillvalue=1.0)
        file['coords'] = COORDS
    return path


def unwritten(path):
    with h5py.File(path, 'w') as file:
        file.create_dataset('features', (3, 8), 'f4', chunks=(1, 8), fillvalue=1.0)
        file['coords'] = COORDS
    return path


def compressed(path):
    with h5py.File(path, 'w') as file:
        zeros = np.zeros((3, 1 << 20), np.float32)
        file.create_dataset('features', data=zeros, compression='gzip')
        file['coords'] = COORDS
    return path


def external(path):
    clam(path.with_name('other.h5'))
    with h5py.File(path, 'w') as file:
        file['features'] = h5py.ExternalLink('other.h5', 'features')
        file['coords'] = COORDS
    return path


def soft(path):
    clam(path)
    with h5py.File(path, 'a') as file:
        file['kept'] = file['features']
        del file['features']
        file['features'] = h5py.SoftLink('/kept')
    return path


def raw_external(path):
    path.with_name('raw').write_bytes(FEATURES.tobytes())
    with h5py.File(path, 'w') as file:
        where = [('raw', 0, FEATURES.nbytes)]
        file.create_dataset('features', (3, 8), 'f4', external=where)
        file['coords'] = COORDS
    return path


def virtual(path):
    clam(path.with_name('other.h5'))
    layout = h5py.VirtualLayout((3, 8), 'f4')
    layout[:] = h5py.VirtualSource('other.h5', 'features', (3, 8))
    with h5py.File(path, 'w') as file:
        file.create_virtual_dataset('features', layout)
        file['coords'] = COORDS
    return path


def references(path):
    with h5py.File(path, 'w') as file:
        file['coords'] = COORDS
        data = file.create_dataset('features', (3, 8), h5py.ref_dtype)
        data[0, 0] = file['coords'].ref
    return path


def reference_attribute(path):
    clam(path)
    with h5py.File(path, 'a') as file:
        file['coords'].attrs['patch_size_level0'] = file['coords'].ref
    return path


def group(path):
    with h5py.File(path, 'w') as file:
        file.create_group('features')
        file['coords'] = COORDS
    return path


def not_finite(path):
    features = FEATURES.copy()
    features[1, 2] = np.nan
    return write(path, features=features, coords=COORDS)


def too_few_places(path):
    return write(path, features=FEATURES, coords=COORDS[:2])


def truncated(path):
    content = clam(path).read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


def no_hdf5(path):
    path.write_bytes(b'not HDF5')
    return path


@pytest.mark.parametrize(
    ('hostile', 'says'),
    [
        (bomb, 'claims the shape'),
        (unwritten, 'never written'),
        (compressed, 'claims the shape'),
        (external, 'not followed'),
        (soft, 'not followed'),
        (raw_external, 'other files'),
        (virtual, 'other files'),
        (references, 'not numbers'),
        (reference_attribute, 'a reference'),
        (group, 'a group'),
        (not_finite, 'row 1 are not finite'),
        (too_few_places, 'coords of shape'),
        (truncated, 'damaged'),
        (no_hdf5, 'not an HDF5 file'),
    ],
)
def test_hostile_files_are_refused(hostile, says, tmp_path):
    with pytest.raises(ValueError, match=says) as error:
        read_slide_features(hostile(tmp_path / 'a.h5'))
    assert 'a.h5' in str(error.value)


class Trap:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, 'w')


def test_a_pt_file_runs_nothing(tmp_path):
    with (tmp_path / 'a.pt').open('wb') as file:
        pickle.dump(Trap(str(tmp_path / 'trace')), file)
    with pytest.raises(ValueError, match=r'a\.pt'):
        read_slide_features(tmp_path / 'a.pt')
    assert not (tmp_path / 'trace').exists()


def test_different_encoders_are_not_mixed(tmp_path, table):
    trident(tmp_path / 'in' / 'features_uni' / 'a.h5')
    trident(tmp_path / 'in' / 'features_gigapath' / 'b_1.h5')
    with pytest.raises(ValueError, match='encoder'):
        import_features(tmp_path / 'in', table, tmp_path / 'f')
    trident(tmp_path / 'in' / 'features_gigapath' / 'a.h5')
    with pytest.raises(ValueError, match='several files of features'):
        import_features(tmp_path / 'in', table, tmp_path / 'f')


def test_an_id_with_dots_is_no_file_with_an_ending(tmp_path):
    table = tmp_path / 'slides.csv'
    table.write_text('id,label\nS.1,x\nS.1.2,y\n')
    for name in ('S', 'S.1'):
        trident(tmp_path / 'in' / f'{name}.h5')
    with pytest.raises(FileNotFoundError, match=r'no features of 1 slides: S\.1\.2'):
        import_features(tmp_path / 'in', table, tmp_path / 'f')
    trident(tmp_path / 'in' / 'S.1.2.H5')
    assert import_features(tmp_path / 'in', table, tmp_path / 'f').rows == 6


@pytest.mark.parametrize('name', ['b-1.h5', 'b_1.h5', 'b_1.svs.h5', 'b_1.SVS.HDF5'])
def test_files_are_called_like_the_id_or_the_slides_file(name, tmp_path):
    table = tmp_path / 'slides.csv'
    file = 'b_1.SVS' if 'SVS' in name else 'b_1.svs'
    table.write_text(f'id,file,label\nb-1,x/{file},normal\n')
    (tmp_path / 'disk').mkdir()
    trident(tmp_path / 'disk' / name)
    (tmp_path / 'in').symlink_to(tmp_path / 'disk')
    (tmp_path / 'runs').mkdir()
    (tmp_path / 'runs' / 'uni').symlink_to(tmp_path / 'disk')
    for folder in ('in', 'runs'):
        assert import_features(tmp_path / folder, table, tmp_path / 'f').rows == 3


def test_a_slide_without_features_is_named(tmp_path, table):
    trident(tmp_path / 'in' / 'a.h5')
    with pytest.raises(FileNotFoundError, match='no features of 1 slides: b-1'):
        import_features(tmp_path / 'in', table, tmp_path / 'f')
    table.write_text('id,file\na,a.svs\n')
    with pytest.raises(ValueError, match=r'slides\.csv:1: .* label'):
        import_features(tmp_path / 'in', table, tmp_path / 'f')


def test_microns_taken_for_pixels_are_noticed(tmp_path, table):
    stamp(tmp_path / 'in' / 'a.h5')
    with h5py.File(tmp_path / 'in' / 'a.h5', 'a') as file:
        file.attrs['unit'] = 'px'
    with pytest.raises(ValueError, match="coordinates in 'px'"):
        read_slide_features(tmp_path / 'in' / 'a.h5')
