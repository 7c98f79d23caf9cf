"""Ladda in a real Home Assistant process, with real sockets and a real disk."""
