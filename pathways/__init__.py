"""The rules of care pathways: values in, values out.

Standard library only, no clock, no I/O: ``now``, the zone of a date and the texts' translations come
from outside. Read in this order: ``events``, ``messages``, ``transitions``, ``pathway``, ``decide``.
"""
