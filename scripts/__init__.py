"""The ways in for a person."""
