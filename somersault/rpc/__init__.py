"""How services reach each other: channels, servers, deadlines, retries, errors."""

from somersault.rpc.backoff import Backoff
from somersault.rpc.channel import call, open_channel, translated_errors
from somersault.rpc.duplex import drained, duplex, end_of_this_call, first_message
from somersault.rpc.notifier import Latest, Notifier, wait_for_change
from somersault.rpc.reconnection import dial_forever
from somersault.rpc.server import bind, create_server

__all__ = [
    "Backoff",
    "Latest",
    "Notifier",
    "bind",
    "call",
    "create_server",
    "dial_forever",
    "drained",
    "duplex",
    "end_of_this_call",
    "first_message",
    "open_channel",
    "translated_errors",
    "wait_for_change",
]
