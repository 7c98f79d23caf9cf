"""Charging: stations, sessions and energy, without a wire and without a ledger."""
