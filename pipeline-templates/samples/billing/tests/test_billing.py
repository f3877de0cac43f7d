import pytest


def test_the_version_under_test_answers(call, expected_version):
    status, answer = call("GET", "/version")
    assert status == 200
    assert answer == {"service": "billing", "version": expected_version}


def test_an_invoice_adds_the_tax(call, expected_version):
    status, answer = call("POST", "/invoices", {"items": [{"quantity": 1, "unit_price": "100.00"}]})
    assert status == 201
    assert answer["version"] == expected_version
    assert (answer["net"], answer["tax"], answer["total"]) == ("100.00", "19.00", "119.00")


def test_an_invoice_sums_its_items(call):
    items = [{"quantity": 3, "unit_price": "9.99"}, {"quantity": 1, "unit_price": "0.03"}]
    status, answer = call("POST", "/invoices", {"items": items})
    assert status == 201
    assert (answer["net"], answer["tax"], answer["total"]) == ("30.00", "5.70", "35.70")


def test_half_a_cent_of_tax_is_rounded_up(call):
    status, answer = call("POST", "/invoices", {"items": [{"quantity": 1, "unit_price": "0.50"}]})
    assert status == 201
    assert (answer["tax"], answer["total"]) == ("0.10", "0.60")


@pytest.mark.parametrize(
    "body",
    [{}, {"items": []}, {"items": [{"quantity": 0, "unit_price": "1.00"}]}],
    ids=["no items member", "no items", "quantity of zero"],
)
def test_bad_input_is_refused_with_a_sentence(call, expected_version, body):
    status, answer = call("POST", "/invoices", body)
    assert status == 400
    assert answer["version"] == expected_version
    assert answer["error"].endswith(".")
