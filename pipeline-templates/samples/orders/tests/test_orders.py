import os
import time

TWO_CHAIRS_AND_A_LAMP = {"items": [{"sku": "chair", "quantity": 2}, {"sku": "lamp", "quantity": 1}]}


def test_the_version_under_test_answers(call, expected_version):
    status, answer = call("GET", "/version")
    assert status == 200
    assert answer == {"service": "orders", "version": expected_version}


def test_an_order_is_placed_and_its_total_includes_the_tax(call):
    status, answer = call("POST", "/orders", TWO_CHAIRS_AND_A_LAMP)
    assert status == 201, answer
    assert (answer["net"], answer["total"]) == ("124.30", "147.92")


def test_orders_reaches_the_billing_and_inventory_it_is_wired_to(
    call, expected_version, expected_billing_version, expected_inventory_version
):
    status, answer = call("POST", "/orders", TWO_CHAIRS_AND_A_LAMP)
    assert status == 201, answer
    assert answer["version"] == expected_version
    assert answer["billing_version"] == expected_billing_version
    assert answer["inventory_version"] == expected_inventory_version


def test_what_inventory_refuses_is_passed_on(call, expected_version):
    status, answer = call("POST", "/orders", {"items": [{"sku": "lamp", "quantity": 4}]})
    assert status == 409
    assert answer["version"] == expected_version
    assert answer["error"] == "Only 3 of 'lamp' are in stock, not 4."


def test_bad_input_is_refused_with_a_sentence(call):
    status, answer = call("POST", "/orders", {"items": []})
    assert status == 400
    assert answer["error"].endswith(".")


def test_one_billing_version_answers_all_the_time(call, expected_billing_version, record_property):
    """Places orders for SOAK_SECONDS, so that a neighbour which changes under the test is noticed."""
    end = time.monotonic() + float(os.environ.get("SOAK_SECONDS", "2"))
    placed = 0
    while placed == 0 or time.monotonic() < end:
        status, answer = call("POST", "/orders", TWO_CHAIRS_AND_A_LAMP)
        assert status == 201, answer
        assert answer["billing_version"] == expected_billing_version, f"after {placed} orders"
        placed += 1
    # For whoever reads the report: how many orders, and who answered every one of them.
    record_property("orders_placed", placed)
    record_property("billing_version", expected_billing_version)
