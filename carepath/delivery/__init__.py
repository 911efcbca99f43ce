"""What happens around a commit: messages gather before it, feeds are numbered and handed out after it."""
