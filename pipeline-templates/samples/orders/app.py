"""Orders: takes an order, reserves its items at inventory and has billing make the invoice."""

import json
import os
import uuid
from urllib.error import HTTPError
from urllib.request import Request, urlopen

SERVICE = "orders"
VERSION = os.environ.get("VERSION", "unknown")
BILLING_URL = os.environ.get("BILLING_URL", "")
INVENTORY_URL = os.environ.get("INVENTORY_URL", "")
TIMEOUT_SECONDS = 10


class Refused(Exception):
    """A request that is answered with a status and a sentence."""

    def __init__(self, status, sentence):
        super().__init__(sentence)
        self.status = status


def version(_event):
    return 200, {}


def order(event):
    items = items_of(event)
    reservation = ask("inventory", f"{INVENTORY_URL}/reservations", {"items": items}, needs=["items"])
    invoice = ask(
        "billing", f"{BILLING_URL}/invoices", {"items": reservation["items"]}, needs=["net", "tax", "total"]
    )
    return 201, {
        "order": str(uuid.uuid4()),
        "net": invoice["net"],
        "tax": invoice["tax"],
        "total": invoice["total"],
        "billing_version": invoice["version"],
        "inventory_version": reservation["version"],
    }


def items_of(event):
    try:
        items = json.loads(event.get("body") or "")["items"]
    except (ValueError, TypeError, KeyError):
        raise Refused(400, 'The body must be JSON of the form {"items": [...]}.') from None
    if not isinstance(items, list) or not items:
        raise Refused(400, "An order needs at least one item.")
    return items


def ask(service, url, body, needs):
    """What `service` answers to `body`: its refusal is the customer's to hear, any other failure is a bad gateway."""
    try:
        request = Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST")
        with urlopen(request, timeout=TIMEOUT_SECONDS) as response:
            text = response.read()
    except HTTPError as refusal:
        with refusal:
            raise passed_on(service, refusal.code, refusal.read()) from None
    except (OSError, ValueError) as error:
        raise Refused(502, f"The order was not placed: {service} could not be reached ({error}).") from None
    answer = parsed(text)
    missing = [key for key in ["version", *needs] if key not in answer]
    if answer.get("service") != service or missing:
        raise Refused(502, f"The order was not placed: what answered does not look like {service}.")
    return answer


def passed_on(service, status, text):
    answer = parsed(text)
    if status in (400, 404, 409) and answer.get("service") == service and "error" in answer:
        return Refused(status, answer["error"])
    return Refused(502, f"The order was not placed: {service} answered with status {status}.")


def parsed(text):
    try:
        answer = json.loads(text)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


ROUTES = {("GET", "/version"): version, ("POST", "/orders"): order}


def handler(event, _context):
    """Answers one API Gateway proxy request."""
    method, resource = event["httpMethod"], event["resource"]
    try:
        status, answer = ROUTES[method, resource](event)
    except Refused as refused:
        status, answer = refused.status, {"error": str(refused)}
    print(f"{method} {event['path']} {status}")
    return {
        "statusCode": status,
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps({"service": SERVICE, "version": VERSION, **answer}),
    }
