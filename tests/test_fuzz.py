"""Readers of random files return a result or raise one of our errors, and soon."""

import io
import os
import pickle
import resource
import zipfile
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from safetensors.torch import save as save_safetensors

from cite.compare.folder.prediction_files import read_table
from cite.core.files.json_file import read_json
from cite.core.files.numpy_files import MappedArray, read_npy, read_npz
from cite.core.files.weights import load_weights
from cite.datasets.tables.annotations import filename_fault, read_annotations
from cite.datasets.tables.class_file import read_class_file
from cite.datasets.tables.slide_table import read_captions
from cite.models.heads.caption_file import read_caption_file

OURS = (ValueError, FileNotFoundError)
# The deadline is a thousand times as long as a reader takes.
fuzz = settings(
    max_examples=300,
    deadline=timedelta(seconds=20),
    database=None,
    suppress_health_check=list(HealthCheck),
)
fuzz_long = settings(fuzz, max_examples=10_000)

ANNOTATIONS = 'f77a619f_0b1c.jpg 0\nf77a619f_1d.jpg 0\nsub/dir/a2_ü.png 2\n'
CAPTIONS = (
    'id,subtype,text,patient\n007,"Well, differentiated",free text,p1\n'
    'b1,Poor,"two\nlines ""quoted""",p2\n'
)
CLASSES = 'Benign: [Benign glands]\n"Grade 2":\n  - Moderate\n  - no\n3: # comment\n'
TOKENS = st.sampled_from(
    [
        *('\n', '\r\n', '\r', ' ', '\t', '\0', ',', '"', "'", ':', '- ', '[', ']', '{'),
        *('}', '&a ', '*a', '!!python/name:os.system ', '!!binary ', '? ', '| ', '> '),
        *('0', '1', '2', '-1', '9' * 30, '1e3', '..', '/', '\\', 'C:', '~', '.jpg'),
        *('id', 'subtype', 'text', 'patient', 'a_b', '%YAML 1.1', '---', '...', '#'),
        *('\ufeff', '\x85', '\u2028', '\x1c', '\ud800', '٣', '<<: ', '=', '@', '`'),
    ]
)
TEXTS = st.lists(TOKENS | st.text(max_size=8), max_size=40).map(
    lambda parts: ''.join(parts).encode('utf-8', 'surrogatepass')
)


@st.composite
def mutated(draw, seeds):
    """Draw one of some good files, with a few bytes changed, inserted or removed."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        new = draw(st.binary(max_size=6) | TOKENS.map(_utf8))
        data[at : at + draw(st.sampled_from([0, 0, 1, 1, len(new), 64]))] = new
    return bytes(data)


def _utf8(text):
    return text.encode('utf-8', 'surrogatepass')


def contents(good):
    return st.binary(max_size=300) | TEXTS | mutated([_utf8(good)])


@pytest.fixture(scope='module')
def file(tmp_path_factory):
    return tmp_path_factory.mktemp('fuzz') / 'file'


def check_names(error, file):
    """Check that our error names the file; a bare ValueError, as of int(), does not."""
    assert str(error).startswith(str(file)), repr(error)


def annotations(file, data):
    file.write_bytes(data)
    try:
        entries = read_annotations(file, 3)
    except OURS as error:
        check_names(error, file)
        return
    assert entries
    assert all(
        label in (0, 1, 2) and filename_fault(name) is None for name, label in entries
    )
    # An entry never leaves the folder of images.
    inside = (os.path.normpath(os.path.join('/images', name)) for name, _ in entries)
    assert all(path.startswith('/images/') for path in inside)


def captions(file, data, group_by):
    file.write_bytes(data)
    try:
        slides = read_captions(file, group_by)
    except OURS as error:
        check_names(error, file)
        return
    assert slides
    assert len({slide.id for slide in slides}) == len(slides)


def classes(file, data):
    file.write_bytes(data)
    try:
        subtypes_of = read_class_file(file)
    except OURS as error:
        check_names(error, file)
        return
    assert subtypes_of
    assert all(name and subtypes for name, subtypes in subtypes_of.items())


def descriptions(file, data):
    file.write_bytes(data)
    try:
        captions_of = read_caption_file(file)
    except OURS as error:
        check_names(error, file)
        return
    assert captions_of
    texts = [text for texts in captions_of.values() for text in texts]
    assert len({*texts}) == len(texts) >= len(captions_of)
    assert all(text.strip() for text in texts)


@fuzz
@given(contents(ANNOTATIONS))
@example(b'a_0.jpg ' + b'9' * 5000)
@example(b'a_0.jpg 0\n' + b'\n' * 5000)
@example(b'a/../../b_0.jpg 0\n')
@example(b'a_0.jpg 0\n\xff 1\n')
def test_annotations(file, data):
    annotations(file, data)


@pytest.mark.long
@fuzz_long
@given(contents(ANNOTATIONS))
def test_annotations_long(file, data):
    annotations(file, data)


@fuzz
@given(contents(CAPTIONS), st.sampled_from([None, 'patient', 'text']))
@example(b'id,subtype,text\n"a"b,c,d\n', None)
def test_captions(file, data, group_by):
    captions(file, data, group_by)


@pytest.mark.long
@fuzz_long
@given(contents(CAPTIONS), st.sampled_from([None, 'patient', 'text']))
def test_captions_long(file, data, group_by):
    captions(file, data, group_by)


@fuzz
@given(contents(CLASSES))
@example(b'[' * 5000)
@example(b'a: ' + b'9' * 5000)
def test_classes(file, data):
    classes(file, data)


@pytest.mark.long
@fuzz_long
@given(contents(CLASSES))
def test_classes_long(file, data):
    classes(file, data)


@fuzz
@given(contents(CLASSES))
@example(b'[' * 5000)
@example(b'a: [x, [y]]')
def test_descriptions(file, data):
    descriptions(file, data)


@pytest.mark.long
@fuzz_long
@given(contents(CLASSES))
def test_descriptions_long(file, data):
    descriptions(file, data)


def _checkpoints():
    base = torch.arange(12.0).reshape(3, 4)
    state = {'a': base, 'b': base[1:, ::2], 'h': torch.ones(2).half()}
    content = {'state_dict': state, 'meta': {'iter': 3, 'name': 'ü'}, 'lr': [0.1, None]}
    for zipped in (True, False):
        buffer = io.BytesIO()
        torch.save(content, buffer, _use_new_zipfile_serialization=zipped)
        yield '.pth', buffer.getvalue()
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 1)), buffer)
    yield '.pt', buffer.getvalue()
    yield '.pth', pickle.dumps(content['meta'])
    tensors = {name: tensor.contiguous() for name, tensor in state.items()}
    yield '.safetensors', save_safetensors(tensors)


CHECKPOINTS = list(_checkpoints())
OPCODES = st.sampled_from(
    [getattr(pickle, n) for n in dir(pickle) if isinstance(getattr(pickle, n), bytes)]
)
NAMES = st.sampled_from(
    [
        *(b'cos\nsystem\n', b'cbuiltins\neval\n', b'ccollections\nOrderedDict\n'),
        *(b'ctorch._utils\n_rebuild_tensor_v2\n', b'cargparse\nNamespace\n'),
        *(b'ctorch\nFloatStorage\n', b'cnumpy\ndtype\n', b'X\x02\x00\x00\x00f8'),
        *(b'K\x02', b'J\xff\xff\xff\xff', b'(', b')', b'}', b']', b't.', b'R', b'b'),
        *(b'cnumpy.core.multiarray\n_reconstruct\n', b'cnumpy\nndarray\n', b'\x88'),
    ]
)
PICKLES = st.lists(OPCODES | NAMES | st.binary(max_size=4), max_size=30).map(b''.join)


def _pickle_of(archive):
    with zipfile.ZipFile(io.BytesIO(archive)) as whole:
        return whole.read('archive/data.pkl')


def _archive(data):
    """Return an archive of torch with this pickle and correct checksums."""
    new = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(CHECKPOINTS[0][1])) as old,
        zipfile.ZipFile(new, 'w') as out,
    ):
        for name in old.namelist():
            out.writestr(name, data if name.endswith('data.pkl') else old.read(name))
    return new.getvalue()


@st.composite
def checkpoints(draw):
    """Draw a suffix and bytes: a mutated file, or either format with any pickle."""
    if draw(st.booleans()):
        suffix, good = draw(st.sampled_from(CHECKPOINTS))
        return suffix, draw(mutated([good]))
    if draw(st.booleans()):
        return '.pth', _archive(
            draw(mutated([_pickle_of(CHECKPOINTS[0][1])]) | PICKLES)
        )
    head = [0x1950A86A20F9469CFC6C, 1001, {'little_endian': True}]
    parts = [pickle.dumps(part, 2) for part in head]
    return '.pth', b''.join([*parts, draw(PICKLES), b'.', pickle.dumps([], 2)])


# What builders are called with, kept and used again: names, texts, tuples, lists.
BUILDING = st.lists(
    st.sampled_from(
        [
            *(
                b'cnumpy.core.numeric\n_frombuffer\n',
                b'cnumpy\ndtype\nX\2\0\0\0u1\x85R',
            ),
            *(b'cpathlib\nPurePosixPath\n', b'ctorch.torch_version\nTorchVersion\n'),
            *(b'c_codecs\nencode\n', b'cbuiltins\nset\n', b'ctorch\nSize\n'),
            *(b'cbuiltins\ncomplex\n', b'ccollections\nCounter\n', b'ctorch\ndevice\n'),
            *(b'X\3\0\0\0a/b', b'X\6\0\0\0latin1', b'\x8a\5\0\0\0\0\x7f', b'K\1'),
            *(b'r\1\0\0\0', b'j\1\0\0\0', b'j\1\0\0\0' * 2 + b'\x86', b'0', b'N'),
            *(b'](j\1\0\0\0j\1\0\0\0er\1\0\0\0' * 9, b'(', b't', b'\x85R', b'\x86R'),
        ]
    ),
    max_size=40,
).map(b''.join)
ARRAY = io.BytesIO()
np.save(ARRAY, np.arange(6.0).reshape(2, 3))
ARRAYS = io.BytesIO()
np.savez_compressed(ARRAYS, a=np.arange(6.0), b=np.ones((2, 2), np.int8))
RECORD = '{"model_type": "bert", "hidden_size": 32, "a": [1.5, null, "\\u00fc"]}'


@st.composite
def overlapping_zips(draw):
    """Draw an archive whose list of contents was changed."""
    data = bytearray(CHECKPOINTS[0][1])
    start = data.rindex(b'PK\5\6')
    start = int.from_bytes(data[start + 16 : start + 20], 'little')
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(start, len(data) - 4))
        data[at : at + 4] = draw(st.binary(min_size=4, max_size=4))
    return bytes(data)


@st.composite
def built(draw):
    """Draw a pickle that builds, or a zip that overlaps."""
    if draw(st.booleans()):
        return '.pth', _archive(b'\x80\2' + draw(BUILDING) + b'.')
    return '.pth', draw(overlapping_zips())


@fuzz
@given(built())
def test_files_that_build(file, case):
    within_bounds(checkpoint, file, case)


@pytest.mark.long
@fuzz_long
@given(built())
def test_files_that_build_long(file, case):
    within_bounds(checkpoint, file, case)


def arrays(file, case):
    read, data = case
    file.write_bytes(data)
    try:
        read(file)
    except OURS as error:
        check_names(error, file)


ARRAY_FILES = st.tuples(
    st.sampled_from([read_npy, MappedArray]),
    mutated([ARRAY.getvalue()]) | st.binary(max_size=200),
) | st.tuples(st.just(read_npz), mutated([ARRAYS.getvalue()]))
JSON_FILES = st.tuples(st.just(read_json), contents(RECORD))


@fuzz
@given(ARRAY_FILES | JSON_FILES)
def test_arrays_and_json(file, case):
    within_bounds(arrays, file, case)


@pytest.mark.long
@fuzz_long
@given(ARRAY_FILES)
def test_arrays_long(file, case):
    within_bounds(arrays, file, case)


@pytest.mark.long
@fuzz_long
@given(JSON_FILES)
def test_json_long(file, case):
    within_bounds(arrays, file, case)


SLIDES = 'slide,patient,label,patches,a,b\ns1,p1,a,3,0.5,0.5\ns2,,b,1,0.25,0.75\n'


def predictions(file, data):
    file.write_bytes(data)
    texts = ('slide', 'patient', 'label', 'patches')
    try:
        table = read_table(file, texts, ['a', 'b'])
    except OURS as error:
        check_names(error, file)
        return
    assert np.isfinite(table[['a', 'b']].to_numpy()).all()


@fuzz
@given(contents(SLIDES))
def test_predictions(file, data):
    within_bounds(predictions, file, data)


@pytest.mark.long
@fuzz_long
@given(contents(SLIDES))
def test_predictions_long(file, data):
    within_bounds(predictions, file, data)


def within_bounds(read, file, case):
    """Check that reading a file of some kilobytes adds less than 300 MB at its peak."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    read(file, case)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kB


def checkpoint(file, case):
    suffix, data = case
    path = Path(f'{file}{suffix}')
    path.write_bytes(data)
    try:
        content = load_weights(path)
    except ValueError as error:
        check_names(error, path)
        return
    for tensor in content.values() if isinstance(content, dict) else ():
        if isinstance(tensor, torch.Tensor):
            tensor.clone()  # reads every element


@fuzz
@given(checkpoints())
def test_checkpoints(file, case):
    checkpoint(file, case)


@pytest.mark.long
@fuzz_long
@given(checkpoints())
def test_checkpoints_long(file, case):
    checkpoint(file, case)
