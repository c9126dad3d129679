"""Requests of every rpc, likely, extreme and absurd, drawn from the protos: whatever comes, services answer in plain words."""
