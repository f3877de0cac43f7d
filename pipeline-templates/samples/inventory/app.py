"""Inventory: knows what is in stock, and what it costs.

The stock is a table in the code: nothing is kept between requests, so a reservation only says whether it could be met.
"""

import json
import os
import uuid

STOCK = {
    "chair": {"stock": 40, "unit_price": "49.90"},
    "table": {"stock": 12, "unit_price": "199.00"},
    "lamp": {"stock": 3, "unit_price": "24.50"},
}

SERVICE = "inventory"
VERSION = os.environ.get("VERSION", "unknown")


class Refused(Exception):
    """A request that is answered with a status and a sentence."""

    def __init__(self, status, sentence):
        super().__init__(sentence)
        self.status = status


def version(_event):
    return 200, {}


def item(event):
    sku = event["pathParameters"]["sku"]
    if sku not in STOCK:
        raise Refused(404, f"There is no item {sku!r}.")
    return 200, {"sku": sku, **STOCK[sku]}


def reserve(event):
    reserved = [reserved_line(line) for line in items_of(event)]
    return 201, {"reservation": str(uuid.uuid4()), "items": reserved}


def items_of(event):
    try:
        items = json.loads(event.get("body") or "")["items"]
    except (ValueError, TypeError, KeyError):
        raise Refused(400, 'The body must be JSON of the form {"items": [...]}.') from None
    if not isinstance(items, list) or not items:
        raise Refused(400, "A reservation needs at least one item.")
    return items


def reserved_line(line):
    try:
        sku, quantity = line["sku"], line["quantity"]
    except (TypeError, KeyError):
        raise Refused(400, "Each item needs a sku and a quantity.") from None
    if not isinstance(sku, str):
        raise Refused(400, "The sku of an item must be a string.")
    if type(quantity) is not int or quantity < 1:
        raise Refused(400, "The quantity of an item must be a whole number of at least 1.")
    if sku not in STOCK:
        raise Refused(404, f"There is no item {sku!r}.")
    if quantity > STOCK[sku]["stock"]:
        raise Refused(409, f"Only {STOCK[sku]['stock']} of {sku!r} are in stock, not {quantity}.")
    return {"sku": sku, "quantity": quantity, "unit_price": STOCK[sku]["unit_price"]}


ROUTES = {("GET", "/version"): version, ("GET", "/items/{sku}"): item, ("POST", "/reservations"): reserve}


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
