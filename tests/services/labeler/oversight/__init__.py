"""Tests of labelers' quality, agreement, weights, and of the gauges."""
