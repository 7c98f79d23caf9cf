"""Stations that do otherwise than OCPP says, each as it was seen in the field.

The numbers are threads of lbbrhzn/ocpp, unless another repository is named.
"""
