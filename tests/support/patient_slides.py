"""Slides that name a patient, and a search for the name in what is written."""

import base64
import io
import re

import numpy as np
from PIL import Image
from slide_files import write_aperio

SECRET = 'MUSTERMANN'
_INLINE = re.compile(rb'data:image/\w+;base64,([A-Za-z0-9+/=]+)')


def write_patient_slide(path, image, mpp='MPP = 0.5|'):
    """Write an SVS file with the patient in its text, its label and its macro image.

    Args:
        path: file.
        image: (h, w, 3) uint8.
        mpp: part of the text that says the scale; '' for none.
    """
    label = np.zeros((60, 90, 3), np.uint8)
    label[..., 0], label[..., 1] = 251, 3  # a colour that is nowhere else
    names = ('User', 'Title', 'Barcode', 'Patient', 'Filename', 'Accession')
    says = '|'.join(f'{name} = {SECRET}' for name in names)
    text = f'AppMag = 20|{mpp}{says}'
    return write_aperio(path, image, text, extra=[('label', label), ('macro', label)])


def require_no_patient(folder, printed=''):
    """Fail if a file below a folder, or what was printed, names the patient.

    Returns:
        The endings of the files, to see that each kind was there.
    """
    assert SECRET not in printed
    files = [path for path in folder.rglob('*') if path.is_file()]
    for file in files:
        assert SECRET not in str(file)
        data = file.read_bytes()
        assert SECRET.encode() not in data, file
        assert SECRET.encode('utf-16-le') not in data, file
        pictures = [data] if file.suffix in ('.png', '.jpg') else []
        pictures += [base64.b64decode(text) for text in _INLINE.findall(data)]
        for picture in pictures:
            _require_no_label(picture, file)
    return {file.suffix for file in files}


def _require_no_label(data, file):
    with Image.open(io.BytesIO(data)) as picture:
        assert SECRET not in str(picture.info), file
        pixels = np.asarray(picture.convert('RGB')).astype(int)
    labelled = (pixels[..., 0] > 235) & (pixels[..., 1] < 30)
    assert not labelled.any(), file
