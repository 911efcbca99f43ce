"""The stream processors and listeners: each is a few lines around a function that is tested without them."""
