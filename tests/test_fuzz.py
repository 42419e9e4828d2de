"""Readers of random files return a result or raise one of our errors, and soon."""

import io
import os
import pickle
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from safetensors.torch import save as save_safetensors

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
