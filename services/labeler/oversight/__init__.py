"""What owners oversee: labelers' quality, agreement and weights, the audit log, and gauges."""
