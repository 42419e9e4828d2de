import json
import subprocess
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from pprint import pformat
from typing import Any, Optional

from cite.apis.check.check import check_environment
from cite.apis.check.report import Report
from cite.compare.methods.job import JobInputs, Method, job_config
from cite.compare.methods.rates import has_rate
from cite.compare.plan.config import Comparison
from cite.compare.plan.overlap import training_overlap
from cite.datasets.tables.slide_rule import SlideRule
from cite.engines.base import ROOT

from .checks import read_object
from .store import Store


def write_record(
    store: Store, config: str, comparison: Comparison, inputs: Mapping[str, JobInputs]
) -> None:
    """Write ``comparison.json``, ``environment.json`` and each method's config.

    Args:
        store: the out folder.
        config: path of the comparison's config.
        comparison: what is compared.
        inputs: inputs of each job.
    """
    store.write_text('comparison.json', _dump(_description(comparison, inputs)))
    store.write_text('environment.json', _dump(_environment(store.out, config)))
    first = {i.method.name: i for i in reversed([*inputs.values()])}
    for name, method_inputs in first.items():
        values = job_config(method_inputs)._cfg_dict.to_dict()
        store.write_text(f'configs/{name}.py', config_text(values))


def config_text(values: Mapping[str, Any]) -> str:
    """Write a config as ``Config.fromfile`` reads it.

    mmcv's own way formats it by yapf, which takes up to 0.2 s for each method.
    """
    lines = (f'{k} = {pformat(v, sort_dicts=False)}\n' for k, v in values.items())
    return ''.join(lines)


def _description(
    comparison: Comparison, inputs: Mapping[str, JobInputs]
) -> dict[str, Any]:
    return {
        'title': comparison.title,
        'data_prefix': comparison.data_prefix,
        'classes': comparison.classes,
        'methods': {
            name: {
                'label': m.label,
                'type': m.type,
                'config': m.config,
                'options': {**m.options, **m.settings},
                'trials': _trials(comparison, m),
            }
            for name, m in comparison.methods.items()
        },
        'shots': comparison.shots,
        'draws': comparison.draws,
        'seeds': comparison.seeds,
        'reference': comparison.reference,
        'figures': comparison.metrics,
        'overlap': training_overlap(
            inputs.values(), len(comparison.classes), SlideRule(comparison.slide)
        ),
        'patients': bool(comparison.patients),
        'controls': comparison.controls,
        'folds': comparison.folds,
    }


def _trials(comparison: Comparison, method: Method) -> Optional[int]:
    """Return how many rates are tried; None for a method without a rate."""
    if not method.trained or not has_rate(method.type):
        return None
    return len(comparison.rates)


def _environment(out: Path, config: str) -> dict[str, Any]:
    report = Report(config)
    check_environment(report)
    now = datetime.now(timezone.utc).isoformat(timespec='seconds')
    return {
        'config': config,
        'versions': report.facts['versions'],
        'device': report.facts['device'],
        'commit': _commit(),
        'started': _started(out / 'environment.json') or now,
        'continued': now,
    }


def _started(file: Path) -> Optional[str]:
    """Return the time of the first start; None if the file is missing or damaged."""
    try:
        return read_object(file).get('started')
    except (FileNotFoundError, ValueError):
        return None


def _commit() -> Optional[str]:
    """Return the checkout's commit; None outside a checkout or without git."""
    command = ['git', '-C', str(ROOT), 'describe', '--always', '--dirty', '--abbrev=40']
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() or None


def _dump(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + '\n'
