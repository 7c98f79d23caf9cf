"""What a session costs and who pays."""
