"""What ``cite predict`` has written, to compare two runs."""

import json


def contents(out):
    """Return all bytes of a folder of answers but times and locks."""
    files = {}
    for path in sorted(p for p in out.rglob('*') if p.is_file()):
        name = path.relative_to(out).as_posix()
        if name == '.lock' or name.startswith('slurm/'):
            continue
        data = path.read_bytes()
        if name.startswith('manifest/'):
            content = json.loads(data)
            data = {
                k: v for k, v in content.items() if k not in ('finished', 'seconds')
            }
        files[name] = data
    return files
