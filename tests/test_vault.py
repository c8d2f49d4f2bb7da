"""Secrets at rest: bound to their place, readable through a rotation of SECRET_KEYS."""

from __future__ import annotations

import pytest

from feedserver.vault import CannotOpen, Vault

OLD, NEW = "old-key-0123456789", "new-key-0123456789"
PLACE = (1, "caldav", "https://cloud.example.org")


def test_a_password_opens_where_it_was_sealed_and_says_nothing_meanwhile():
    sealed = Vault([OLD]).seal("app pass wörd", *PLACE)
    assert Vault([OLD]).unseal(sealed, *PLACE) == "app pass wörd"
    assert b"app" not in sealed and sealed != Vault([OLD]).seal("app pass wörd", *PLACE)


@pytest.mark.parametrize("place", [(2, *PLACE[1:]), (1, "webhook", PLACE[2]), (1, "caldav", "https://evil.example.org")])
def test_a_password_opens_nowhere_else(place):
    with pytest.raises(CannotOpen):
        Vault([OLD]).unseal(Vault([OLD]).seal("x", *PLACE), *place)


def test_an_older_key_still_opens_and_is_known_as_older():
    sealed = Vault([OLD]).seal("x", *PLACE)
    both = Vault([NEW, OLD])
    assert both.unseal(sealed, *PLACE) == "x" and both.is_stale(sealed) and not both.is_stale(both.seal("x", *PLACE))
    with pytest.raises(CannotOpen):
        Vault([NEW]).unseal(sealed, *PLACE)


def test_a_changed_octet_opens_nothing():
    sealed = bytearray(Vault([OLD]).seal("x", *PLACE))
    sealed[-1] ^= 1
    with pytest.raises(CannotOpen):
        Vault([OLD]).unseal(bytes(sealed), *PLACE)
