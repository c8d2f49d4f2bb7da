"""B13: addresses that would make us ask our own network: as a join link they are refused or kept as text; nothing ever connects."""

from __future__ import annotations

_HOSTS = (
    "127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:169.254.169.254]",
    "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::]", "[fe80::1%25eth0]", "169.254.169.254", "100.64.0.1", "192.0.0.192", "10.0.0.1", "172.16.0.1",
    "192.168.0.1", "224.0.0.1", "training.localhost", "metadata.google.internal", "a.10.0.0.1.nip.io", "aaaa.example", "rebind.example", "flip.example",
    "redirect.example/302?to=http://127.0.0.1", "redirect.example/307?to=http://127.0.0.1", "plain.example/?to=http",
)  # fmt: skip
CASES = [
    *(f"http://{host}/latest/meta-data" for host in _HOSTS), "file:///etc/passwd", "gopher://127.0.0.1:25/_MAIL", "ftp://127.0.0.1/x",
    "http://good.example@127.0.0.1/", "http://127.0.0.1#@good.example/", "http://good.example\\@127.0.0.1/", "http://good.example:25/",
    "http://good.example:22/", "http://\u2460\u2461\u2466.\u24ea.\u24ea.\u2460/", "http://127.0.0.1./",
]  # fmt: skip
