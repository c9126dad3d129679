"""What owners watch over: how well labelers answer and agree, their weights, the audit log, gauges."""
