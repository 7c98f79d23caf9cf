"""What nobody should send, and some do all the same."""
