"""A patient's plans, and changing them."""
