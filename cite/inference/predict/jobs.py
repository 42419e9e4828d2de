"""The slides of a run: files, folders of them, and folders of patches."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, Optional, Union

from cite.datasets.tables.slide_rule import SlideRule
from cite.slides import find_slides
from cite.slides.roi_files import RoiFiles
from cite.slides.scale_table import ScaleTable

from .patch_folder import PatchSlide, patch_slides
from .sources import Cut, PatchSource, SlideSource, Source


class Job(NamedTuple):
    """A slide to predict."""

    name: str
    path: Path
    patches: Optional[PatchSlide] = None
    mpp: Optional[float] = None
    roi: Optional[Path] = None

    @property
    def file(self) -> Path:
        """What names the slide in messages: its file, or its name in a folder."""
        return self.path if self.patches is None else self.path / self.patches.id

    def open(self, cut: Cut) -> Source:
        """Return the slide's tiles."""
        if self.patches is not None:
            return PatchSource(self.patches, cut)
        return SlideSource(self.path, self.name, cut, self.mpp, self.roi)


def find_jobs(
    paths: Sequence[Union[str, Path]],
    mpp: Optional[str] = None,
    roi: Optional[Path] = None,
    slide: str = 'prefix',
) -> list[Job]:
    """List the slides in files and folders, each once.

    Args:
        paths: slide files, folders of them, and folders of patches.
        mpp: a number, or a table with the columns slide,mpp.
        roi: GeoJSON of the slide, or a folder with one ``NAME.geojson`` for each.
        slide: which slide a patch of a folder belongs to, as data sets take it.

    Raises:
        FileNotFoundError: a path is missing or has no slide.
        ValueError: two slides have one id.
    """
    rule = SlideRule(slide)
    jobs, files = [], []
    for path in map(Path, paths):
        patches = patch_slides(path, rule)
        if patches is None:
            files.append(path)
        else:
            jobs += [Job(p.name, p.folder, patches=p) for p in patches]
    slides = find_slides(files) if files else []
    scales, rois = ScaleTable(mpp, slides), RoiFiles(roi, slides)
    for file in slides:
        jobs.append(Job(file.id, file.path, None, scales[file], rois[file]))
    return _each_once(jobs)


def _each_once(jobs: Iterable[Job]) -> list[Job]:
    """Drop slides that were named twice, and refuse two of one name."""
    by_name: dict[str, Job] = {}
    for job in jobs:
        # File systems of other machines tell no upper from lower case.
        other = by_name.setdefault(job.name.lower(), job)
        if other.file.resolve() != job.file.resolve():
            raise ValueError(
                f'{other.file} and {job.file} both have the id {job.name}. Rename one, '
                'or predict them into two folders.'
            )
    return list(by_name.values())
