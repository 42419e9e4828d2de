"""Patients in predictions, where the table of slides has changed since."""

import csv
from collections.abc import Iterable, Mapping

from .store import Store, table


def renew_patients(
    store: Store, jobs: Iterable[str], patients: Mapping[str, str]
) -> None:
    """Write patients into predictions as the table of slides has them by now.

    No training depends on them, so no job is out of date; intervals and tests do.

    Args:
        store: the out folder.
        jobs: whose predictions are there.
        patients: of each slide.
    """
    for job in jobs:
        name = f'predictions/{job}.csv'
        try:
            with (store.out / name).open(encoding='utf-8', newline='') as file:
                head, *rows = csv.reader(file)
            slide, patient = head.index('slide'), head.index('patient')
            new = [[*row] for row in rows]
            for row in new:
                if len(row) != len(head):
                    raise ValueError('a line cut short')
                row[patient] = patients.get(row[slide], '')
        except (ValueError, OSError, csv.Error):
            continue  # damaged: whoever reads it for the tables says so
        if new != rows:
            store.write_text(name, table(head, new))
