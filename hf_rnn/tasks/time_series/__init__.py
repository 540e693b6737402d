"""Forecasts of time series, from a table to measured results."""
