"""What the broker costs, measured on this machine: ``python -m bench [http|pipe|growth|timeline]…``.

Figures of two runs compare badly, those of one run well: what matters is told as a ratio, and what is
compared takes turns, so that a busy machine slows both.
"""
