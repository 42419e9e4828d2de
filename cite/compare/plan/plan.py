import functools
import hashlib
import itertools
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Callable

from mmcv import Config

from cite.apis.class_order import inner_datasets
from cite.apis.config_keys import unknown_keys, unread_options
from cite.apis.run_identity import path_contents, settings_identity
from cite.compare.methods.feature_file import feature_paths
from cite.compare.methods.job import Job, JobInputs, Method, job_config, read_method
from cite.core.files.elsewhere import looked_at

from .config import Comparison, names_files
from .folds import fold_pool, write_folds
from .job_files import check_inputs, predictions_file
from .leakage import check_leakage
from .method_settings import check_classes
from .read_config import read_comparison

# Keys of a method's config that no result depends on.
_NO_MATTER = ('gpu_ids', 'device', 'run_name', 'n', 'log_config', 'log_level')


@dataclass
class Plan:
    """The jobs of a comparison and what their results depend on.

    Args:
        comparison: what is compared.
        jobs: the jobs in the order in which they run.
        inputs: inputs of each job, by its name.
        digests: digest of these inputs, by the job's name.
    """

    comparison: Comparison
    jobs: list[Job]
    inputs: dict[str, JobInputs]
    digests: dict[str, str]


def make_plan(config: str) -> Plan:
    """Read a comparison, list its jobs and refuse what would leak.

    Raises:
        ValueError: the config makes no sense, or slides or patients are on both sides.
        FileNotFoundError: a file that it names is missing.
    """
    comparison = read_comparison(config)
    if comparison.folds:
        write_folds(comparison, config)
    jobs = plan_jobs(comparison)
    _check_names(jobs, config)
    inputs = {job.name: job_inputs(comparison, job) for job in jobs}
    check_classes(comparison, config)
    by_test: dict[str, set[str]] = {}
    for one in inputs.values():
        trained = by_test.setdefault(one.files['val'], set())
        trained.update(one.files[name] for name in ('train',) if name in one.files)
    for test_file, train_files in by_test.items():
        check_leakage(comparison, test_file, train_files, config)
    check_inputs(inputs.values())
    read, contents = functools.cache(read_method), functools.cache(path_contents)
    for method in filter(lambda m: m.config, comparison.methods.values()):
        check_options(comparison, method, read(method.config), config)
        check_rule(comparison, method, read(method.config), config)
    digests = {name: job_digest(i, read, contents) for name, i in inputs.items()}
    return Plan(comparison, jobs, inputs, digests)


def _check_names(jobs: list[Job], config: str) -> None:
    """Refuse two jobs of one name, which would share a result, and very long names."""
    by_name: dict[str, Job] = {}
    for job in jobs:
        if not names_files(job.name):
            raise ValueError(
                f'{config}: the job {job.name[:60]}… is too long for the name of a '
                'file. Give its method a shorter name.'
            )
        other = by_name.setdefault(job.name, job)
        if other is not job:
            same = 'a value of shots or seeds is listed twice'
            if other.method != job.method:
                same = f'the methods {other.method} and {job.method} make it'
            raise ValueError(
                f'{config}: two jobs are called {job.name}: {same}. Rename one, or '
                'delete it.'
            )


def check_options(
    comparison: Comparison, method: Method, cfg: Config, config: str
) -> None:
    """Refuse options that no part of a method's config reads, such as misspelt ones.

    Raises:
        ValueError: one of them; the message names what was perhaps meant.
    """
    changed = Config(cfg._cfg_dict.to_dict())
    options = {**comparison.options, **method.options}
    changed.merge_from_dict(options)
    before = {*unknown_keys(cfg)}
    for unknown in [*unread_options(cfg, options), *unknown_keys(changed)]:
        if unknown not in before:
            raise ValueError(
                f'{config}: options of methods.{method.name}: {unknown.key}: '
                f'{unknown.message}'
            )


def check_rule(
    comparison: Comparison, method: Method, cfg: Config, config: str
) -> None:
    """Refuse a method whose config tells slides apart in another way.

    Raises:
        ValueError: its data sets have another ``slide`` than the comparison.
    """
    for part in ('train', 'val', 'test'):
        for data in inner_datasets(cfg.data.get(part)):
            text = data.get('slide', comparison.slide)
            if text != comparison.slide:
                raise ValueError(
                    f'{config}: slide={comparison.slide!r}, but {method.config} has '
                    f'data.{part}.slide={text!r}. The comparison decides for all '
                    f'methods: write slide={text!r} into it, or delete the other.'
                )


def plan_jobs(comparison: Comparison) -> list[Job]:
    """List the jobs, the most telling first: one seed of every draw, then more seeds.

    With all slides there is only one choice of slides; a method that is not trained has
    one job. With folds, each of these is a job for each fold, and every draw is another
    choice of folds.
    """
    methods = comparison.methods.values()
    jobs = [Job(method.name, None, 0, 0) for method in methods if not method.trained]
    folds = range(1, comparison.folds + 1) or (0,)
    trained = [method for method in methods if method.trained]
    all_draws = range(1, max(comparison.draws, 1) + 1)
    for seed, draw, method, shots in itertools.product(
        comparison.seeds, all_draws, trained, comparison.shots
    ):
        draws = comparison.draws if method.draws is None else method.draws
        one_choice = shots == 'all' and not comparison.folds
        if draw <= (1 if one_choice else max(draws, 1)):
            number = 0 if one_choice or comparison.draws == 0 else draw
            jobs += [Job(method.name, shots, number, seed, fold) for fold in folds]
    return jobs


def job_inputs(comparison: Comparison, job: Job) -> JobInputs:
    """Return everything that a job's result depends on.

    Raises:
        FileNotFoundError: an annotation file is missing; the message says how to make
            it.
    """
    files = {'val': comparison.val_file(job.draw, job.fold)}
    if job.shots is not None:
        files['train'] = comparison.train_file(job.shots, job.draw, job.fold)
    method = comparison.methods[job.method]
    if comparison.folds:
        pool = fold_pool(comparison)  # an untrained method is tested on it at once
        files['val_pool'] = pool
        files['val'] = files['val'] if job.fold else pool
    for path in files.values():
        if not path.is_file():
            raise FileNotFoundError(
                f'{path}: no such annotation file.{looked_at(path)} Make it with `cite '
                'ann --shots … '
                f'--draws {comparison.draws}`.'
            )
    pool = comparison.train_file('all', 0)
    if comparison.folds:
        pool = fold_pool(comparison)
    if job.shots is not None and pool.is_file():
        files['pool'] = pool
    if method.type == 'external':
        files['predictions'] = predictions_file(method, job)
    held_out = method.name in comparison.held_out and job.shots is not None
    rates = comparison.rates if job.shots is not None else ()
    return JobInputs(
        rates=rates,
        held_out=held_out,
        patients=comparison.patients if held_out or rates else {},
        job=job,
        method=method,
        options=comparison.options,
        classes=comparison.classes,
        data_prefix=comparison.data_prefix,
        files={name: str(path) for name, path in files.items()},
        slide=comparison.slide,
        features=comparison.features_of(method),
    )


def job_digest(
    inputs: JobInputs,
    read: Callable[[str], Config] = read_method,
    contents: Callable[[Path], Any] = path_contents,
) -> str:
    """Digest a job's inputs: settings and config, and the contents of named files.

    A result with another digest is out of date. The code is not part of it.

    Pass cached versions of both functions when digesting many jobs: a patch folder can
    hold 179,285 files.

    Args:
        inputs: inputs of the job.
        read: function that reads a config.
        contents: function that describes the contents of a file or folder.
    """
    settings = job_config(inputs, read)._cfg_dict.to_dict()
    for key in _NO_MATTER:
        settings.pop(key, None)
    plain = asdict(inputs)
    del plain['method']['label']  # tables alone use it
    plain['method']['draws'] = None
    if inputs.slide == 'prefix':  # as before there was a choice
        del plain['slide']
    plain['features'] = [contents(path) for path in feature_paths(inputs.features)]
    if not inputs.features:
        del plain['features']  # as in results of earlier versions
    del plain['held_out']  # the predictions do not depend on it
    # A result of a version without these keys is as good.
    if not plain['rates']:
        del plain['rates'], plain['patients']
    for part, key in (('job', 'fold'), ('method', 'texts')):
        if not plain[part][key]:
            del plain[part][key]
    text = json.dumps(plain, sort_keys=True, default=str)
    sha = hashlib.sha256(text.encode())
    sha.update(settings_identity(settings, contents).encode())
    for path in inputs.files.values():
        sha.update(Path(path).read_bytes())
    return sha.hexdigest()
