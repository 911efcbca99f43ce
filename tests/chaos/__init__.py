"""Chaos: stories through Kafka while everything is killed, and an oracle that says what was lost, doubled or misplaced.

``traffic`` makes what organisations write, ``sender`` writes it and keeps what the broker acknowledged: that is the
truth. ``system`` is Kafka, PostgreSQL and the workers; ``faults`` breaks them; ``observe`` asks for all there is
afterwards, ``laws`` judges it. ``run`` does one run, ``python -m tests.chaos`` a heavy one (``make chaos``).
"""
