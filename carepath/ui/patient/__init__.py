"""Patients with recent activity, and one of them."""
