"""Tokens: one spelling each, one purpose each, made as itsdangerous makes them."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import Signer

from feedserver import tokens

KEY = "k" * 40
IDS = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", min_size=1, max_size=40)


@given(IDS)
def test_what_we_sign_is_what_itsdangerous_signs(payload):
    signer = Signer(KEY, salt=tokens.FEED, sep=".", key_derivation="hmac", digest_method=hashlib.sha256)
    assert tokens.sign(tokens.FEED, payload, KEY) == signer.sign(payload).decode()
    assert tokens.read(tokens.FEED, tokens.sign(tokens.FEED, payload, KEY), [KEY]) == payload


@given(IDS)
def test_no_other_spelling_purpose_or_key_reads(payload):
    token = tokens.sign(tokens.FEED, payload, KEY)
    assert tokens.read(tokens.LEARNER_PAGE, token, [KEY]) is None
    assert tokens.read(tokens.FEED, token, ["o" * 40]) is None
    others = [token + "=", *(token[:-1] + c for c in "ABCDEFGHIJKLMNOP" if c != token[-1])]
    assert all(tokens.read(tokens.FEED, other, [KEY]) is None for other in others)
