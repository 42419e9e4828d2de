"""Zip files of tensors and arrays."""

import zipfile
from typing import Any, BinaryIO

from .budget import TooLargeError

# zipfile keeps some 20 bytes for one of the list, where a tensor has about a hundred.
_SIZE_OF_LIST, _LONGEST_LIST = 5, 16 << 20


def open_zip(file: BinaryIO) -> zipfile.ZipFile:
    """Open a zip file whose list of contents is not out of proportion.

    Raises:
        TooLargeError: the list is larger than that of any archive of tensors.
        Exception: it is not a zip file, or it is damaged.
    """
    end: Any = vars(zipfile)['_EndRecData'](file)
    if end and end[_SIZE_OF_LIST] > _LONGEST_LIST:
        raise TooLargeError(f'its list of contents has {end[_SIZE_OF_LIST]:,} bytes')
    return zipfile.ZipFile(file)
