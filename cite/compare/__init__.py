"""Compare methods over shots, draws of training slides and seeds: ``tools/compare.py``.

A config says what is compared (``config``), a plan lists the jobs (``plan``), an engine
runs those that are missing (``engines``, ``task``, ``methods``), and a store keeps what
each gave (``store``, ``keep``). Tables and a report are made of that alone
(``outcome``, ``summary``, ``tables``, ``report``).
"""
