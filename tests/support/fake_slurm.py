"""Slurm's commands as scripts that run jobs of this machine, one after another.

The jobs' Python is one that forks a process which has imported torch once.
"""

from pathlib import Path

from forked import python

# Starts the job after its return, as Slurm does: submitit renames files in between.
SBATCH = r"""#!/bin/bash
job=$$
last=$(sed -n 's/^#SBATCH --array=0-\([0-9]*\)%.*/\1/p' "$1")
export SLURM_NTASKS=1 SLURM_PROCID=0 SLURM_LOCALID=0 SLURM_NODEID=0
export SLURM_JOB_NUM_NODES=1 SLURM_JOB_NODELIST=here
(
    sleep 0.3
    for task in $(seq 0 "${last:-0}"); do
        if [ -n "$last" ]; then
            export SLURM_ARRAY_JOB_ID=$job SLURM_ARRAY_TASK_ID=$task
        fi
        SLURM_JOB_ID=$job bash "$1"
    done
) > /dev/null 2>&1 &
echo "Submitted batch job $job"
"""
SRUN = r"""#!/bin/bash
fill() {
    array="s/%A/$SLURM_ARRAY_JOB_ID/; s/%a/$SLURM_ARRAY_TASK_ID/"
    sed "$array; s/%j/$SLURM_JOB_ID/; s/%t/0/" <<< "$1"
}
while [[ $1 == --* ]]; do
    case $1 in
        --output) out=$(fill "$2"); shift 2 ;;
        --error) err=$(fill "$2"); shift 2 ;;
        *) shift ;;
    esac
done
shift  # the job's Python
exec PYTHON "$@" >> "$out" 2>> "$err"
"""
SACCT = '#!/bin/bash\necho "JobID|State|NodeList"\n'


def install_slurm(folder: Path) -> Path:
    """Write sbatch, srun, sacct and scancel into a folder for PATH; return it."""
    folder.mkdir()
    srun = SRUN.replace('PYTHON', str(python()))
    scripts = {'sbatch': SBATCH, 'srun': srun, 'sacct': SACCT, 'scancel': SACCT}
    for name, text in scripts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return folder
