"""Tests of webhooks, from addresses to delivery."""
