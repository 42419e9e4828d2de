"""Tiles are compared with the region that their centre is in."""

import json

from demo.whole_slide import count_right


def test_only_centres_inside_a_region_count(tmp_path):
    rings = {'a': [[0, 0], [100, 0], [100, 100], [0, 100], [0, 0]]}
    rings['b'] = [[x + 200, y] for x, y in rings['a']]
    features = [
        {
            'geometry': {'type': 'Polygon', 'coordinates': [ring]},
            'properties': {'classification': {'name': name}},
        }
        for name, ring in rings.items()
    ]
    (tmp_path / 'r.geojson').write_text(json.dumps({'features': features}))
    rows = [
        'minx,miny,width,height,prob_a,prob_b',
        '10,10,20,20,0.9,0.1',  # in a, right
        '80,10,30,20,0.2,0.8',  # its centre (95, 20) is in a: wrong
        '95,10,30,20,0.2,0.8',  # its centre (110, 20) is on glass
        '250,10,20,20,0.4,0.6',  # in b, right
    ]
    (tmp_path / 't.csv').write_text('\n'.join(rows) + '\n')
    assert count_right(tmp_path / 't.csv', tmp_path / 'r.geojson') == (3, 2)
