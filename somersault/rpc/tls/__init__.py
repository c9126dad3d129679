"""Encryption and identity: a service's certificates, channels and servers that use them, and who may call what."""
