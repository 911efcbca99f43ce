"""Deliveries and operations."""
