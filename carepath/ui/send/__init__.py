"""Sending an event by hand."""
