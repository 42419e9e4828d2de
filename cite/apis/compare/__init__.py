"""Compare methods over shots, draws of training slides and seeds: ``tools/compare.py``.

A config says what is compared (``config``), a plan lists the jobs (``plan``), an engine
runs those that are missing (``engines``), each leaves its predictions, and tables and a
report are made of these (``outcome``, ``summary``, ``tables``, ``report``).
"""
