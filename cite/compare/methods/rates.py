"""A rate chosen on training slides alone, with the same number of trials for all."""

from dataclasses import replace
from typing import Optional

import numpy as np

from .abmil import SETTINGS as ABMIL
from .clap import SETTINGS as CLAP
from .dtfd import SETTINGS as DTFD
from .held_out import HeldOut, Run, hold_out, slide_nll
from .job import JobInputs, job_config
from .text_mil import SETTINGS as TEXT_MIL
from .text_probe import SETTINGS as TEXT_PROBE
from .workspace import Workspace

#: Types with a key ``lr`` of their own, and its default.
RATES = {
    'abmil': ABMIL['lr'],
    'clap': CLAP['lr'],
    'dtfd': DTFD['lr'],
    'text_mil': TEXT_MIL['lr'],
    'text_probe': TEXT_PROBE['lr'],
}
OF_CONFIG = ('trained', 'similarity')  # types whose rate is the config's


def has_rate(type: str) -> bool:
    """Tell whether methods of a type have a rate that can be chosen."""
    return type in RATES or type in OF_CONFIG


def with_rate(inputs: JobInputs, factor: float) -> JobInputs:
    """Return a job's inputs with its method's rate multiplied."""
    method = inputs.method
    if method.type in OF_CONFIG:
        rate = job_config(inputs).optimizer.lr * factor
        options = {**method.options, 'optimizer.lr': rate}
        return replace(inputs, method=replace(method, options=options))
    rate = method.settings.get('lr', RATES[method.type]) * factor
    settings = {**method.settings, 'lr': rate}
    return replace(inputs, method=replace(method, settings=settings))


def choose_rate(
    inputs: JobInputs, workspace: Workspace, run: Run
) -> tuple[JobInputs, Optional[HeldOut]]:
    """Choose a method's rate by training slides whose patients are left out in turn.

    The method keeps its rate unless another is better by more than one standard error
    of the difference over patients (Breiman et al., *Classification and Regression
    Trees*, 1984, section 3.4.3). The test slides play no part.

    Args:
        inputs: inputs of the job, with ``rates``: factors of the method's own rate.
        workspace: where the method works; the choice is recorded.
        run: the method.

    Returns:
        The inputs with the chosen rate, and what was held out with it; None if nothing
        can be held out, as with one training slide of each class.
    """
    held = hold_out(inputs, workspace, run)
    if held is None:
        workspace.record(chosen='its own rate: too few training slides for a choice')
        return inputs, None
    best, best_gain, best_held = inputs, 0.0, held
    chosen = 'its own rate'
    for factor in inputs.rates:
        if factor == 1:
            continue
        trial = with_rate(inputs, factor)
        trial_held = hold_out(trial, workspace, run)
        if trial_held is None:
            continue
        gain, error = _gain(slide_nll(held), slide_nll(trial_held))
        if gain > error and gain > best_gain:
            best, best_gain, best_held = trial, gain, trial_held
            chosen = f'its own rate × {factor:g}'
    workspace.record(chosen=chosen)
    return best, best_held


def _gain(before: np.ndarray, after: np.ndarray) -> tuple[float, float]:
    """Return the mean gain over patients and its standard error."""
    gains = before - after
    error = gains.std(ddof=1) / np.sqrt(len(gains)) if len(gains) > 1 else np.inf
    return float(gains.mean()), float(error)
