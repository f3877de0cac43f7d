"""Billing: makes an invoice of the items it is given."""

import json
import os
import uuid
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

TAX_RATE = Decimal("0.19")
CENT = Decimal("0.01")

SERVICE = "billing"
VERSION = os.environ.get("VERSION", "unknown")


class Refused(Exception):
    """A request that is answered with a status and a sentence."""

    def __init__(self, status, sentence):
        super().__init__(sentence)
        self.status = status


def version(_event):
    return 200, {}


def invoice(event):
    net = sum(line_total(item) for item in items_of(event))
    tax = rounded(net * TAX_RATE)
    return 201, {
        "invoice": str(uuid.uuid4()),
        "net": str(rounded(net)),
        "tax": str(tax),
        "total": str(rounded(net) + tax),
    }


def items_of(event):
    try:
        items = json.loads(event.get("body") or "")["items"]
    except (ValueError, TypeError, KeyError):
        raise Refused(400, 'The body must be JSON of the form {"items": [...]}.') from None
    if not isinstance(items, list) or not items:
        raise Refused(400, "An invoice needs at least one item.")
    return items


def line_total(item):
    try:
        quantity, price = item["quantity"], Decimal(item["unit_price"])
    except (TypeError, KeyError, ValueError, InvalidOperation):
        raise Refused(400, "Each item needs a quantity and a unit_price, a decimal number in a string.") from None
    if type(quantity) is not int or not 1 <= quantity <= 1000:
        raise Refused(400, "The quantity of an item must be a whole number between 1 and 1000.")
    if not price.is_finite() or not 0 <= price <= 1_000_000:
        raise Refused(400, "The unit_price of an item must be between 0 and 1000000.")
    return quantity * price


def rounded(amount):
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


ROUTES = {("GET", "/version"): version, ("POST", "/invoices"): invoice}


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
