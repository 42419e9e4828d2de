"""QuPath's rules for a GeoJSON of objects, as its documentation and reader have them.

https://qupath.readthedocs.io/en/stable/docs/advanced/exporting_annotations.html: an
object is a Feature with a geometry; ``properties`` hold ``objectType``,
``classification`` with a name and a colour, ``isLocked`` and ``measurements``; ``id``
is a UUID. RFC 7946: a polygon's ring is closed and has four or more positions.
"""

import uuid

TYPES = ('annotation', 'detection', 'tile', 'cell', 'tma_core', 'root', 'unknown')


def check_qupath(content):
    """Raise an AssertionError where QuPath would not take the content."""
    assert content['type'] == 'FeatureCollection'
    ids = set()
    for feature in content['features']:
        assert feature['type'] == 'Feature'
        assert str(uuid.UUID(feature['id'])) == feature['id']
        ids.add(feature['id'])
        _check_geometry(feature['geometry'])
        _check_properties(feature['properties'])
    assert len(ids) == len(content['features'])


def _check_geometry(geometry):
    assert geometry['type'] == 'Polygon'
    for ring in geometry['coordinates']:
        assert len(ring) >= 4
        assert ring[0] == ring[-1]
        for position in ring:
            assert len(position) == 2
            assert all(isinstance(n, (int, float)) for n in position)


def _check_properties(properties):
    assert properties['objectType'] in TYPES
    look = properties['classification']
    assert isinstance(look['name'], str)
    assert look['name']
    assert len(look['color']) == 3
    assert all(isinstance(n, int) and 0 <= n <= 255 for n in look['color'])
    assert isinstance(properties['isLocked'], bool)
    measurements = properties['measurements']
    assert isinstance(measurements, dict)
    assert all(isinstance(n, float) for n in measurements.values())
