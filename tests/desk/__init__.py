"""The desk with a real listener and a real ledger."""
