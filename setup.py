"""Installs the package ``cite``: ``pip install .``.

The ranges admit all stacks; requirements.txt, requirements/modern.txt and
requirements/current.txt pin the three that are tested. mmcv is not among them: either
of ``mmcv-full`` and ``mmcv`` 1.7.2 serves, pip takes them for different projects, and
both need help to build on a current Python. docs/INSTALL.md explains how.
"""

import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent

REQUIRES = [
    # mmcv's, which is installed without what it asks for: a second OpenCV.
    'addict',
    'yapf',
    'torch>=1.13',
    'torchvision>=0.14',
    'mmcls==0.25.0',
    'transformers>=4.40,<6',
    'clip-anytorch==2.6.*',
    'timm>=1.0.11',
    'ftfy',
    'matplotlib',
    'numba>=0.60',
    'numpy>=1.26',
    'packaging',
    'pillow',
    'pyyaml',
    'regex',
    'safetensors',
    'tqdm',
]

EXTRAS = {
    # `mim train` and `mim test`; `cite train` and `cite test` do without. openmim
    # imports pkg_resources, so this puts setuptools back to the last version with it.
    'mim': ['openmim>=0.3.9', 'setuptools<81', 'click<8.3'],
    # `lora=dict(…)` of a backbone. peft 0.17 is the last for Python 3.9; accelerate,
    # which peft imports, asks for torch 2 from 1.0 on.
    'lora': [
        "peft>=0.13,<0.18; python_version<'3.10'",
        "peft>=0.13; python_version>='3.10'",
        "accelerate>=0.21,<1; python_version<'3.12'",
        "accelerate>=0.21; python_version>='3.12'",
    ],
    # The tokenizers of BioGPT, LLaMA and T5.
    'text': ['sacremoses', 'sentencepiece', 'protobuf'],
    # The text tower of CONCH. 2.24.0 is for torch 1.13; 3.0 and later want torch 2.
    'open_clip': ['open_clip_torch>=2.24'],
    # `cite compare` and the demo.
    'compare': ['jinja2', 'pandas>=2', 'scikit-learn>=1.3', 'threadpoolctl>=3'],
    # `cite tile`, `cite predict` and `cite import-features`; the viewer's page is a
    # template. 1.4.2 is the last of openslide-python for Python 3.9; OpenSlide before
    # 4.0.1.1 has memory faults in some formats.
    'slides': [
        'openslide-python>=1.4.2',
        'openslide-bin>=4.0.1.1',
        'h5py>=3.8',
        'jinja2',
        'pandas>=2',
    ],
    # `--engine` of `cite compare`. Ray 2.51 is the last for Python 3.9.
    'ray': ['ray>=2.9'],
    'slurm': ['submitit>=1.5'],
    'tensorboard': ['tensorboard'],  # mmcv's TensorboardLoggerHook
    'dev': [
        'hypothesis',
        'mypy',
        'playwright',
        'pytest',
        'pytest-timeout',
        'pytest-xdist',
        'ruff',
        'tifffile',
        'types-PyYAML',
    ],
}


def version() -> str:
    """Read the version without importing the package, which needs torch."""
    text = (ROOT / 'cite' / 'version.py').read_text()
    return re.search(r"__version__ = '(.+)'", text).group(1)


def description() -> str:
    readme = ROOT / 'README.md'
    return readme.read_text(encoding='utf-8') if readme.exists() else ''


class BuildWithConfigs(build_py):
    """Put the configs into wheels as mmcls does: where openmim looks for them."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib) / 'cite' / '.mim'
        shutil.rmtree(target, ignore_errors=True)
        ignored = shutil.ignore_patterns('__pycache__')
        shutil.copytree(ROOT / 'configs', target / 'configs', ignore=ignored)
        shutil.copy(ROOT / 'model-index.yml', target)


setup(
    name='cite',
    cmdclass={'build_py': BuildWithConfigs},
    version=version(),
    description='Text-guided adaptation of image foundation models to pathology',
    long_description=description(),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    packages=find_packages(include=['cite', 'cite.*']),
    # `pip install -e .` then puts this folder on sys.path, so that `import cite` in the
    # parent folder of a clone called cite finds the package and not the clone.
    package_dir={'': '.'},
    package_data={
        'cite': [
            *('apis/mmcv_build/*.py', 'apis/mmcv_build/*/*.py'),
            *(f'**/*.{end}' for end in ('yml', 'yaml', 'j2', 'html', 'css', 'js')),
            '**/*.txt',
        ]
    },
    python_requires='>=3.9',
    install_requires=REQUIRES,
    extras_require=EXTRAS,
    entry_points={'console_scripts': ['cite = cite.__main__:main']},
)
