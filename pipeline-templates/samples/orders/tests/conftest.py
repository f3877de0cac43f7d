"""Calls the service over HTTP, where SERVICE_URL says it is."""

import json
import os
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest


def required(name):
    if not os.environ.get(name):
        pytest.exit(f"The tests need {name} in their environment.", returncode=2)
    return os.environ[name]


@pytest.fixture(scope="session")
def call():
    """call(method, path, body=None) answers the status and the JSON that came back."""
    base = required("SERVICE_URL").rstrip("/")

    def send(method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = Request(base + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urlopen(request, timeout=30) as response:
                return response.status, json.load(response)
        except HTTPError as error:
            with error:
                return error.code, json.load(error)

    return send


@pytest.fixture(scope="session")
def expected_version():
    """The version that these tests are meant for."""
    return required("EXPECTED_VERSION")


@pytest.fixture(scope="session")
def expected_billing_version():
    """The version of billing that orders is wired to."""
    return required("EXPECTED_BILLING_VERSION")


@pytest.fixture(scope="session")
def expected_inventory_version():
    """The version of inventory that orders is wired to."""
    return required("EXPECTED_INVENTORY_VERSION")
