"""The commands that a page of the documentation tells its reader to type."""

import re
import shlex

BLOCK = re.compile(r'^ *```(?:bash|sh)\n(.*?)^ *```', re.M | re.S)
INLINE = re.compile(r'`((?:cite|make) [^`\n]+)`')


def block_commands(text):
    """Return the commands of the page's bash blocks: one line each, no comments."""
    lines = []
    for block in BLOCK.findall(text):
        lines += block.replace('\\\n', ' ').splitlines()
    parts = [part for line in lines for part in _without_comment(line).split(' && ')]
    return [' '.join(part.split()) for part in parts if part.strip()]


def inline_commands(text):
    """Return the commands within the page's sentences and tables."""
    return [' '.join(c.split()) for c in INLINE.findall(BLOCK.sub('', text))]


def words_of(command, name):
    """Return what follows ``name`` in a command, or None if it does not run that."""
    words = shlex.split(command)
    while words and re.fullmatch(r'[A-Z_]+=.*', words[0]):  # SHOTS=4 cite train …
        words.pop(0)
    if name == 'cite' and words[:3] == ['python', '-m', 'cite']:
        words = words[2:]
    return words[1:] if words[:1] == [name] else None


def _without_comment(line):
    return re.sub(r'(^|\s)#.*', '', line)
