"""Webhooks as owners manage them."""

from __future__ import annotations

import asyncio
import secrets

import sqlalchemy as sa

from services.labeler.database import Database
from services.labeler.model.labelers import Labeler
from services.labeler.model.webhooks import Webhook
from services.labeler.oversight import audit_repository
from services.labeler.runs import run_repository
from services.labeler.webhooks import messages, webhook_repository
from services.labeler.webhooks.addresses import check_url
from services.labeler.webhooks.sealing import SecretBox, is_sealed

__all__ = ["WebhookRegistry"]


class WebhookRegistry:
    """Creates, lists and deletes webhooks; `delivery` serves them."""

    def __init__(self, database: Database, box: SecretBox, *, allows_private: bool) -> None:
        """Take the database, what encrypts secrets, and whether plain http and private addresses are allowed."""
        self._box = box
        self._database = database
        self._allows_private = allows_private

    async def create(self, by: Labeler, *, run_id: str, url: str) -> tuple[str, str]:
        """Have a run's log sent to a URL, from its beginning; return the webhook's id and secret.

        Raises:
            InvalidInputError: the URL may not be called.
            NotFoundError: the run is unknown.
            ResourceExhaustedError: the run has ten.
            FailedPreconditionError: there is no place for a key outside the database.
        """
        check_url(url, allows_private=self._allows_private)
        webhook_id = f"webhook-{secrets.token_hex(8)}"
        secret = messages.new_secret()
        sealed = await asyncio.to_thread(self._box.seal, webhook_id, secret)

        def create(connection: sa.Connection) -> None:
            webhook_repository.add(connection, webhook_id=webhook_id, run_id=run_id, url=url, secret=sealed)
            audit_repository.add(connection, by, "CreateWebhook", run_id=run_id, what=webhook_id, url=url)

        await self._database.write(create)
        return webhook_id, secret

    async def list_of_run(self, run_id: str) -> tuple[list[Webhook], int]:
        """Return a run's webhooks, oldest first, and the newest position of its log.

        Raises:
            NotFoundError: the run is unknown.
        """

        def read(connection: sa.Connection) -> tuple[list[Webhook], int]:
            newest = run_repository.newest_cursor(connection, run_id)
            return webhook_repository.list_of_run(connection, run_id), newest

        return await self._database.read(read)

    async def delete(self, by: Labeler, webhook_id: str) -> None:
        """Delete a webhook; a delivery in flight is its last.

        Raises:
            NotFoundError: there is no such webhook.
        """

        def delete(connection: sa.Connection) -> None:
            webhook = webhook_repository.delete(connection, webhook_id, runs=by.runs)
            audit_repository.add(
                connection, by, "DeleteWebhook", run_id=webhook.run_id, what=webhook_id, url=webhook.url
            )

        await self._database.write(delete)

    async def seal_older(self) -> int:
        """Encrypt the secrets that an older version stored as they are; return how many there were.

        Without a place for a key they stay, and work.
        """
        if not self._box.has_key_file:
            return 0

        def seal(connection: sa.Connection) -> int:
            plain = {
                webhook_id: secret
                for webhook_id, secret in webhook_repository.secrets_of_all(connection).items()
                if not is_sealed(secret)
            }
            for webhook_id, secret in plain.items():
                webhook_repository.replace_secret(
                    connection, webhook_id, secret=self._box.seal(webhook_id, secret)
                )
            return len(plain)

        return await self._database.write(seal)
