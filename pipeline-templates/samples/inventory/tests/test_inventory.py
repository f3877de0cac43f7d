def test_the_version_under_test_answers(call, expected_version):
    status, answer = call("GET", "/version")
    assert status == 200
    assert answer == {"service": "inventory", "version": expected_version}


def test_an_item_has_a_stock_and_a_price(call, expected_version):
    status, answer = call("GET", "/items/chair")
    assert status == 200
    assert answer["version"] == expected_version
    assert (answer["sku"], answer["stock"], answer["unit_price"]) == ("chair", 40, "49.90")


def test_an_unknown_item_is_not_found(call):
    status, answer = call("GET", "/items/unicorn")
    assert status == 404
    assert "unicorn" in answer["error"]


def test_a_reservation_names_the_price_of_each_item(call, expected_version):
    status, answer = call("POST", "/reservations", {"items": [{"sku": "lamp", "quantity": 2}]})
    assert status == 201
    assert answer["version"] == expected_version
    assert answer["items"] == [{"sku": "lamp", "quantity": 2, "unit_price": "24.50"}]


def test_more_than_the_stock_cannot_be_reserved(call):
    status, answer = call("POST", "/reservations", {"items": [{"sku": "lamp", "quantity": 4}]})
    assert status == 409
    assert answer["error"] == "Only 3 of 'lamp' are in stock, not 4."


def test_bad_input_is_refused_with_a_sentence(call):
    status, answer = call("POST", "/reservations", {"items": []})
    assert status == 400
    assert answer["error"].endswith(".")
