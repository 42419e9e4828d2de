"""The model that is passed on: a folder of a few megabytes that runs no code.

``model.safetensors`` holds what was trained, ``config.json`` describes it as data, and
``README.md`` is its card. docs/MODEL_FOLDER.md describes them.
"""
