"""What is on the wire: models of envelopes and of the settings of topics."""
