"""Signed requests to Odoo's inbound endpoint, as a partner's developer would write them."""

import http.client
import time
import urllib.parse
from dataclasses import dataclass
from datetime import datetime, timezone

from standardwebhooks import Webhook

TIMEOUT_SECONDS = 60
JSON = "application/json"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: str


class Sender:
    """Posts messages of one connector.

    :param url: of the Odoo server, without a path
    :param secret: ``whsec_...``, shared with Odoo
    """

    def __init__(self, url: str, connector: str, secret: str):
        address = urllib.parse.urlsplit(url)
        self._host, self._port = address.hostname, address.port
        self._connector = connector
        self._secret = secret

    def post(
        self,
        message_type: str,
        message_id: str,
        body: str,
        *,
        content_type: str = JSON,
        secret: str | None = None,
    ) -> Answer:
        """One request, signed at this moment.

        :param secret: sign with this one instead of our own
        :raises OSError, http.client.HTTPException: no answer, or none that can be read
        """
        now = datetime.now(timezone.utc)
        signature = Webhook(secret or self._secret).sign(message_id, now, body)
        return self._request(
            "POST",
            f"/mfg/v1/in/{self._connector}/{message_type}",
            body.encode(),
            {
                "Content-Type": content_type,
                "webhook-id": message_id,
                "webhook-timestamp": str(int(now.timestamp())),
                "webhook-signature": signature,
            },
        )

    def post_until_answered(
        self, message_type: str, message_id: str, body: str, deadline: float
    ) -> Answer:
        """Repeat under the same id, as a careful partner does, while there is no answer, or one
        that asks to come back (429, 5xx).

        :param deadline: seconds from now
        :raises TimeoutError: no final answer before the deadline
        """
        end = time.monotonic() + deadline
        while True:
            try:
                answer = self.post(message_type, message_id, body)
                if answer.status != 429 and answer.status < 500:
                    return answer
                last = f"status {answer.status}: {answer.body[:200]}"
            except (OSError, http.client.HTTPException) as error:
                last = repr(error)
            if time.monotonic() > end:
                raise TimeoutError(f"{message_id} found no answer in {deadline:g} s: {last}")
            time.sleep(0.2)

    def _request(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return Answer(
                answer.status,
                {name.lower(): value for name, value in answer.getheaders()},
                answer.read().decode("utf-8", "replace"),
            )
        finally:
            connection.close()
