"""Puts the parts together: settings in, a running broker or an open store out."""
