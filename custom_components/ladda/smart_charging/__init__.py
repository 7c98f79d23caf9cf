"""When and how fast to charge."""
