"""B6: Authentication-Results (RFC 8601), true and forged, as `mx.example.net` and others write them, in the standard profile.

What our own verification of signatures finds is held by the tests of `mail.signatures`.
"""

from __future__ import annotations

from . import APPLIED, Bad, mail

OURS = {"trusted_authserv_id": "mx.example.net"}
FAIL = "quarantined auth_fail"
FROM = "From: Lea <lea@corp.example>"


def results(*headers: str, sender: str = FROM) -> bytes:
    return mail((FROM, "".join(f"Authentication-Results: {one}\n" for one in headers) + sender))


def ours(found: str, ends: str, name: str) -> Bad:
    return Bad(name, results(f"mx.example.net; {found}"), ends, settings=OURS)


CASES = [
    Bad("01 forged below ours",
        results("mx.example.net; dmarc=fail header.from=corp.example", "mx.example.net; dmarc=pass header.from=corp.example"), FAIL, settings=OURS),
    Bad("02 our id in another case", results("MX.Example.NET; dmarc=fail header.from=corp.example"), FAIL, settings=OURS),
    Bad("03 a version", results("mx.example.net 1; dmarc=fail header.from=corp.example"), FAIL, settings=OURS),
    Bad("04 our id in a comment", results("evil.example (mx.example.net); dmarc=fail header.from=corp.example"), APPLIED, settings=OURS),
    Bad("05 our id in quotes", results('"mx.example.net"; dmarc=fail header.from=corp.example'), FAIL, settings=OURS),
    Bad("06 two of ours that contradict each other",
        results("mx.example.net; dmarc=fail header.from=corp.example", "mx.example.net; dkim=pass header.d=corp.example"), FAIL, settings=OURS),
    Bad("07 below the first server", mail((FROM, f"Received: from a by b\nAuthentication-Results: other.example; dmarc=fail\n{FROM}")), APPLIED, settings=OURS),
    ours("none", APPLIED, "08 nothing checked"),
    ours('spf=pass smtp.mailfrom="x; dmarc=pass header.from=corp.example"; dmarc=fail header.from=corp.example', FAIL, "09 smuggled in a mailfrom"),
    Bad("10 the id of somebody else", results("mx.evil.example; dmarc=fail header.from=corp.example"), APPLIED, settings=OURS),
    Bad("11 an id below ours", results("a.mx.example.net; dmarc=fail header.from=corp.example"), APPLIED, settings=OURS),
    ours("dkim=none; dmarc=none header.from=corp.example", APPLIED, "12 no signature"),
    ours("dkim=pass header.d=other.example; dmarc=fail header.from=corp.example", FAIL, "13 signed by another domain"),
    ours("dkim=pass header.d=mail.corp.example; dmarc=pass header.from=corp.example", APPLIED, "14 a sub-domain, relaxed"),
    ours("dkim=pass header.d=mail.corp.example; dmarc=fail (adkim=s) header.from=corp.example", FAIL, "15 a sub-domain, strict"),
    ours("dkim=pass header.d=example; dmarc=fail header.from=corp.example", FAIL, "16 the domain above"),
    ours("dkim=policy (l=) header.d=corp.example; dmarc=fail header.from=corp.example", FAIL, "17 a part signed"),
    ours("dkim=policy (h=from) header.d=corp.example; dmarc=fail header.from=corp.example", FAIL, "18 only From signed"),
    Bad("19 signed once, a second From added",
        mail((FROM, f"Authentication-Results: mx.example.net; dkim=pass header.d=corp.example\n{FROM}\nFrom: eve@evil.example")),
        "quarantined from_ambiguous", settings=OURS),
    ours("dkim=fail (expired) header.d=corp.example; dmarc=fail header.from=corp.example", FAIL, "20 expired"),
    ours("dkim=fail (from the future) header.d=corp.example; dmarc=fail header.from=corp.example", FAIL, "21 from the future"),
    ours("dkim=policy (sha1) header.d=corp.example; dmarc=fail header.from=corp.example", FAIL, "22 SHA-1"),
    ours("dkim=policy (512 bits) header.d=corp.example; dmarc=fail header.from=corp.example", FAIL, "23 512 bits"),
    ours("dkim=permerror (key revoked) header.d=corp.example; dmarc=fail header.from=corp.example", FAIL, "24 a revoked key"),
    ours("dkim=temperror header.d=corp.example; dmarc=temperror header.from=corp.example", APPLIED, "25 no DNS"),
    ours("; ".join(f"dkim=fail header.d=a{n}.example" for n in range(20)) + "; dmarc=fail header.from=corp.example", FAIL, "26 twenty signatures"),
    ours("dkim=fail header.i=@evil.example header.d=corp.example; dmarc=fail header.from=corp.example", FAIL, "27 i= and d= differ"),
    ours("dmarc=fail (p=none) header.from=corp.example", FAIL, "28 fails, nothing asked for"),
    ours("dmarc=fail (p=reject) header.from=corp.example", FAIL, "29 fails, to be refused"),
    ours("dmarc=none header.from=corp.example", APPLIED, "30 no record"),
    ours("dmarc=permerror (two records) header.from=corp.example", FAIL, "31 two records"),
    ours("dmarc=temperror (SERVFAIL) header.from=corp.example", APPLIED, "32 DNS that fails"),
    ours("dkim=pass header.d=victim.corp; dmarc=none header.from=corp.example", APPLIED, "33 an unknown top-level domain"),
    ours("dkim=pass header.d=co.uk; dmarc=none header.from=corp.example", APPLIED, "34 a public suffix"),
    ours("arc=pass (i=1 evil.example); dmarc=fail header.from=corp.example", FAIL, "35 ARC of a stranger"),
    ours("arc=pass (i=1 lists.example); dmarc=fail header.from=corp.example", FAIL, "36 ARC of a list"),
    ours("smime=fail body.smime-identifier=eve@evil.example; dmarc=fail header.from=corp.example", FAIL, "37 S/MIME for another name"),
    ours("smime=policy (self-signed); dmarc=none header.from=corp.example", APPLIED, "38 S/MIME of one's own making"),
    ours("spf=pass smtp.mailfrom=evil.example; dmarc=fail header.from=corp.example", FAIL, "39 SPF of another domain"),
    Bad("40 a list that rewrites From",
        results("mx.example.net; dmarc=pass header.from=lists.example", sender="From: Lea via List <list@lists.example>"), "quarantined from_mismatch", settings=OURS),
]  # fmt: skip
