"""What people see of themselves and of their own, and what they do."""
