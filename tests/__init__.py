"""A package, so that nobody else's package of this name is found instead (mutmut brings one)."""
