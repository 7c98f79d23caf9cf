"""OCPP 1.6 Edition 2: the version adapter. Nothing else knows its words."""
