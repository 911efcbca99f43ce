"""What an organisation owes, and what is done about it."""
