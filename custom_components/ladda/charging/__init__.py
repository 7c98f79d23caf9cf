"""What a station is, and what happens at it."""
