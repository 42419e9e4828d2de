"""Every image of a run, decoded once, on all cores."""

import multiprocessing
import os
import random
import signal
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from typing import Optional

from tqdm import tqdm

from cite.core.files.patch_file import UnreadablePatchError, read_patch_file
from cite.core.workers import start_method

from .parts import Part
from .report import Report

# Files of a task: enough that passing it to a process costs nothing, few enough that
# the progress bar moves.
_CHUNK = 128
LARGE = 'large image'
# Patches are made for inputs of 224 to 512 pixels; 1,024 leave room for all of them.
_LARGEST = 1024
_OFTEN = 0.2  # seconds after which Ctrl-C is seen
Faults = list[tuple[str, str, str]]


def check_images(
    parts: Sequence[Part],
    report: Report,
    workers: int,
    decode: bool = True,
    sample: Optional[int] = None,
) -> None:
    """Check each file once; a missing or unreadable one is an error.

    With 0 workers this process looks; a sample is drawn at random, always the same.
    """
    places = _places(parts)
    paths = list(places)
    if sample is not None and sample < len(paths):
        paths = random.Random(0).sample(paths, sample)
    done = faulty = 0
    bar = tqdm(total=len(paths), unit='image', desc='images', dynamic_ncols=True)
    try:
        with bar:
            for size, faults in _run(paths, workers, decode):
                done += size
                for kind, path, message in faults:
                    large = kind == LARGE
                    faulty += not large
                    note = report.warn if large else report.error
                    note(kind, places[path], message)
                bar.update(size)  # after the report, which then has all that it counts
    except KeyboardInterrupt:
        report.interrupted = True
    except BrokenProcessPool:
        report.error(
            'image',
            'a worker process',
            'died while it decoded (memory, or an image that crashes Pillow). '
            'Try --workers 0: the last file it reaches is the cause.',
        )
    if not decode:
        report.facts['images'] = f'{done} of {len(places)} looked for, not decoded'
        return
    failures = f', {faulty} could not be' if faulty else ''
    report.facts['images'] = f'{done - faulty} of {len(places)} decoded{failures}'


def _places(parts: Sequence[Part]) -> dict[str, str]:
    """Return each image's path and the first line that names it."""
    places: dict[str, str] = {}
    for part in parts:
        for line, (filename, _) in part.lines if part.images else ():
            path = os.path.join(part.prefix, filename)
            places.setdefault(path, f'{part.ann_file}:{line}')
    return places


def _run(
    paths: Sequence[str], workers: int, decode: bool
) -> Iterator[tuple[int, Faults]]:
    if workers == 0:
        return ((1, look_at([path], decode)) for path in paths)
    chunks = (paths[i : i + _CHUNK] for i in range(0, len(paths), _CHUNK))
    return _on_all_cores(chunks, workers, decode)


def _on_all_cores(
    chunks: Iterable[Sequence[str]], workers: int, decode: bool
) -> Iterator[tuple[int, Faults]]:
    chunks = iter(chunks)
    # Ctrl-C reaches every process of the terminal; only this one acts on it.
    ignored = (signal.SIGINT, signal.SIG_IGN)
    context = multiprocessing.get_context(start_method())
    pool = ProcessPoolExecutor(
        workers, mp_context=context, initializer=signal.signal, initargs=ignored
    )
    waiting: dict[Future, int] = {}
    try:
        with _noting_interrupts() as noted:
            while True:
                if noted:
                    raise KeyboardInterrupt
                for chunk in islice(chunks, 3 * workers - len(waiting)):
                    waiting[pool.submit(look_at, chunk, decode)] = len(chunk)
                if not waiting:
                    return
                ready, _ = wait(waiting, _OFTEN, FIRST_COMPLETED)
                for future in ready:
                    yield waiting.pop(future), future.result()
    except BaseException:  # after an interrupt, unfinished work is useless
        for process in list((pool._processes or {}).values()):
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _noting_interrupts() -> Iterator[list[int]]:
    """Yield a list that Ctrl-C adds to, where it would raise KeyboardInterrupt.

    Raised while this thread takes the locks of what it waits for, it would leave them
    taken, and the pool would never end.
    """
    noted: list[int] = []
    before = signal.getsignal(signal.SIGINT)
    raises = before is signal.default_int_handler
    if not raises or threading.current_thread() is not threading.main_thread():
        yield noted
        return
    signal.signal(signal.SIGINT, lambda number, _: noted.append(number))
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, before)


def look_at(paths: Iterable[str], decode: bool) -> Faults:
    """Read images as training does; return kind, path and message of each fault."""
    faults: Faults = []
    for path in paths:
        try:
            # Opening a pipe or a device would wait forever.
            if not os.path.isfile(path):
                raise FileNotFoundError
            if decode:
                width, height = read_patch_file(path).size
                if max(width, height) > _LARGEST:
                    faults.append((LARGE, path, _too_large(path, width, height)))
        except FileNotFoundError:
            remedy = 'Restore it, correct data_prefix, or delete the line.'
            faults.append(('missing image', path, f'{path}: no such file. {remedy}'))
        except UnreadablePatchError as error:
            remedy = 'Restore the file, or delete the line.'
            faults.append(('unreadable image', path, f'{error} {remedy}'))
    return faults


def _too_large(path: str, width: int, height: int) -> str:
    return (
        f'{path}: {width} x {height} pixels are shrunk to the size of the pipeline, '
        'which leaves little of the cells. Cut it into patches of 224 to 512 pixels.'
    )
