"""Mails are called by words on every page."""

from __future__ import annotations

from feedserver.imip.kinds import Kind
from feedserver.services.circling import LOOPBACK
from feedserver.web.admin.kind_words import KIND_WORDS
from tests.web.desk.conftest import Desk


def test_every_kind_of_mail_has_words_of_its_own():
    assert {*(kind.value for kind in Kind), LOOPBACK} <= set(KIND_WORDS)
    assert len(set(KIND_WORDS.values())) == len(KIND_WORDS)


def test_the_list_of_mails_says_them(desk: Desk):
    desk.session("Mia")
    assert "<td>Invitation</td>" in desk.get("/mail/out")
