"""Strangers' bytes, by the million: what reads them never raises, answers in time, and never repeats them.

``make fuzz`` lets coverage guide what comes next; ``tests/unit/test_fuzz.py`` runs the corpus and a fixed 5,000 of
each. Inputs that found a fault stay in ``corpus``.
"""
