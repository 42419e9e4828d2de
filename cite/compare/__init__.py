"""Compare methods over shots, draws of training slides and seeds: ``cite compare``.

A config names what is compared, a plan lists the jobs (``plan``), an engine runs the
missing ones (``cite.engines``) by their methods (``methods``), and the folder keeps
each job's result (``folder``). Tables and a report are made of that folder alone
(``statistics``, ``report``).

Imports run down: report > statistics > folder > plan > methods; ``run`` is the roof.
"""
