"""Small synthetic slides that OpenSlide opens, written with tifffile."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

REAL = Path(__file__).parents[3] / 'shared' / 'data' / 'slides'
OPTIONS = {
    'photometric': 'rgb',
    'compression': 'deflate',
    'compressionargs': {'level': 1},  # any is read at the same speed
    'metadata': None,
}
PINK = (185, 105, 160)
APERIO = 'Aperio Image Library v12.0.0\r\n{w}x{h} (256x256) JPEG/RGB Q=30'


def real_slide(name):
    """Return the path of a slide of the shared folder, or skip the test."""
    path = REAL / name
    if not path.is_file():
        pytest.skip(f'{path} is not there')
    return path


def draw(width=1536, height=1024, boxes=((300, 200, 900, 600),), colour=PINK):
    """Draw boxes (x, y, width, height) of stained tissue on glass, (h, w, 3)."""
    rng = np.random.default_rng(0)
    image = np.full((height, width, 3), 242, np.uint8)
    for x, y, w, h in boxes:
        noise = rng.integers(0, 30, (h, w, 1), dtype=np.uint8)
        image[y : y + h, x : x + w] = np.asarray(colour, np.uint8) + noise
    return image


def write_pyramid(path, image, mpp=0.5, steps=(1, 2, 4)):
    """Write a generic tiled TIFF; without ``mpp`` it does not say its scale."""
    with tifffile.TiffWriter(path) as file:
        for step in steps:
            scale = (1e4 / mpp / step,) * 2 if mpp else (1, 1)
            file.write(
                np.ascontiguousarray(image[::step, ::step]),
                tile=(256, 256),
                resolution=scale,
                resolutionunit='CENTIMETER' if mpp else 'NONE',
                subfiletype=int(step > 1),
                **OPTIONS,
            )
    return path


def write_aperio(path, image, text='AppMag = 40|MPP = 0.2500', levels=None, extra=()):
    """Write an SVS file whose description ends in ``text``.

    Args:
        levels: images of the further levels; by default one of a quarter's size.
        extra: pairs of name and image, such as the label's, as Aperio appends them.
    """
    levels = [image[::4, ::4]] if levels is None else levels
    says = APERIO.format(w=image.shape[1], h=image.shape[0]) + '|' + text
    with tifffile.TiffWriter(path) as file:
        file.write(image, tile=(256, 256), description=says, **OPTIONS)
        thumbnail = np.ascontiguousarray(image[::8, ::8])
        file.write(thumbnail, rowsperstrip=16, description='Aperio', **OPTIONS)
        for level in levels:
            level = np.ascontiguousarray(level)
            file.write(level, tile=(256, 256), description=says, **OPTIONS)
        for name, picture in extra:
            size = f'{picture.shape[1]}x{picture.shape[0]}'
            about = f'Aperio Image Library v12.0.0\r\n{name} {size}'
            kind = {'label': 1, 'macro': 9}[name]
            file.write(
                picture,
                rowsperstrip=16,
                subfiletype=kind,
                description=about,
                **OPTIONS,
            )
    return path


def _scn_image(name, pixels, view, objective):
    sizes, x, y = view
    dimensions = ''.join(
        f'<dimension sizeX="{w}" sizeY="{h}" r="{r}" ifd="{ifd}"/>'
        for r, (w, h, ifd) in enumerate(sizes)
    )
    return (
        f'<image name="{name}"><creationDate>2020-01-01T00:00:00Z</creationDate>'
        f'<device model="x"/><pixels sizeX="{sizes[0][0]}" sizeY="{sizes[0][1]}">'
        f'{dimensions}</pixels><view sizeX="{pixels[0]}" sizeY="{pixels[1]}" '
        f'offsetX="{x}" offsetY="{y}"/><scanSettings><objectiveSettings><objective>'
        f'{objective}</objective></objectiveSettings><illuminationSettings>'
        '<illuminationSource>brightfield</illuminationSource></illuminationSettings>'
        '</scanSettings></image>'
    )


def write_leica(path, image, left=2000, top=3000, whole=(8192, 6144), nm=250):
    """Write an SCN file: the image lies at (left, top), the rest is transparent."""
    height, width = image.shape[:2]
    size = whole[0] * nm, whole[1] * nm
    steps = (1, 2, 4)
    levels = [(width // s, height // s, i + 1) for i, s in enumerate(steps)]
    macro = _scn_image('macro', size, ([(256, 192, 0)], 0, 0), 0.6)
    view = levels, left * nm, top * nm
    main = _scn_image('main', (width * nm, height * nm), view, 40)
    main = main.replace(
        '<illuminationSource>',
        '<numericalAperture>0.65</numericalAperture><illuminationSource>',
    )
    xml = (
        '<?xml version="1.0"?><scn xmlns="http://www.leica-microsystems.com/scn/2010/'
        f'10/01"><collection name="c" sizeX="{size[0]}" sizeY="{size[1]}">{macro}{main}'
        '</collection></scn>'
    )
    with tifffile.TiffWriter(path, bigtiff=False) as file:
        blank = np.full((192, 256, 3), 240, np.uint8)
        file.write(blank, tile=(256, 256), description=xml, **OPTIONS)
        for step in steps:
            file.write(
                np.ascontiguousarray(image[::step, ::step]),
                tile=(256, 256),
                resolution=(1e7 / nm / step,) * 2,
                resolutionunit='CENTIMETER',
                **OPTIONS,
            )
    return path
