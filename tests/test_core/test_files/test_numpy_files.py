"""NumPy's files: what is read, what is refused, and files that change in use."""

import os
import pickle
import zipfile

import numpy as np
import pytest

from cite.core.files.numpy_files import MappedArray, read_npy, read_npz

ARRAY = np.arange(12, dtype=np.float32).reshape(3, 4)


def claim(path, descr, shape):
    """Write a file whose header claims more than it has."""
    with path.open('wb') as file:
        fields = {'descr': descr, 'fortran_order': False, 'shape': shape}
        np.lib.format.write_array_header_2_0(file, fields)
        file.write(bytes(64))
    return path


@pytest.mark.parametrize('array', [ARRAY, ARRAY.T, ARRAY[:0], np.float16(2)])
def test_arrays_are_read_as_numpy_reads_them(tmp_path, array):
    np.save(tmp_path / 'a.npy', array)
    np.savez(tmp_path / 'stored.npz', a=array, b=ARRAY)
    np.savez_compressed(tmp_path / 'small.npz', a=array, b=ARRAY)
    loaded = [read_npy(tmp_path / 'a.npy'), MappedArray(tmp_path / 'a.npy').check()]
    loaded += [read_npz(tmp_path / name)['a'] for name in ('stored.npz', 'small.npz')]
    for values in loaded:
        np.testing.assert_array_equal(values, array)
        assert values.dtype == array.dtype


@pytest.mark.parametrize('read', [read_npy, MappedArray])
@pytest.mark.parametrize(
    ('descr', 'shape'),
    [
        ('<f4', (1 << 40,)),
        ('<f4', (1 << 62, 1 << 62)),
        ('<f4', (17,)),
        ('<f4', (1,) * 60),
        ('<U0', (1 << 40,)),
        ('|V8', (2,)),
        ('|O', (2,)),
        ([('a', '<f4')], (2,)),
    ],
)
def test_a_claim_is_compared_with_the_file(tmp_path, read, descr, shape):
    with pytest.raises(ValueError, match=r'a\.npy is damaged or not a NumPy array'):
        read(claim(tmp_path / 'a.npy', descr, shape))


@pytest.mark.parametrize(
    'header', [b'{' * 9000, b'9' * 9000, b'(' * 9000, b'\xff' * 99]
)
def test_a_header_that_is_no_description_is_refused(tmp_path, header):
    data = b'\x93NUMPY\x01\x00' + len(header).to_bytes(2, 'little') + header
    (tmp_path / 'a.npy').write_bytes(data)
    with pytest.raises(ValueError, match=r'a\.npy is damaged'):
        read_npy(tmp_path / 'a.npy')


def test_a_small_npz_that_unpacks_to_gigabytes_is_refused(tmp_path):
    fields = {'descr': '|u1', 'fortran_order': False, 'shape': (200 << 20,)}
    with (
        zipfile.ZipFile(tmp_path / 'a.npz', 'w', zipfile.ZIP_DEFLATED) as archive,
        archive.open('a.npy', 'w', force_zip64=True) as entry,
    ):
        np.lib.format.write_array_header_1_0(entry, fields)
        for _ in range(200):
            entry.write(bytes(1 << 20))
    assert (tmp_path / 'a.npz').stat().st_size < 1 << 20
    with pytest.raises(ValueError, match=r'a\.npz .*more than 8 times'):
        read_npz(tmp_path / 'a.npz')


def test_a_pickle_in_an_npz_is_refused(tmp_path):
    np.savez(tmp_path / 'a.npz', a=np.array([{}], object))
    with pytest.raises(ValueError, match=r'a\.npz is not an npz of plain arrays'):
        read_npz(tmp_path / 'a.npz')


def test_a_mapped_file_that_gets_shorter_is_named(tmp_path):
    np.save(tmp_path / 'a.npy', np.ones((4096, 16), np.float32))
    arrays = [MappedArray(tmp_path / 'a.npy')]
    arrays.append(pickle.loads(pickle.dumps(arrays[0])))  # as a spawned worker gets it
    os.truncate(tmp_path / 'a.npy', 4096)
    for array in arrays:
        with pytest.raises(ValueError, match=r'a\.npy has become shorter'):
            array.check()
