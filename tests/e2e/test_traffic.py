"""Real and hostile mail pours in while the receiver is killed again and again: what got its 250 is judged once."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

TRAFFIC = Path(__file__).parents[2] / "bench" / "traffic.py"


@pytest.mark.long
def test_every_message_that_got_its_250_has_one_disposition_while_the_receiver_is_killed():
    done = subprocess.run([sys.executable, TRAFFIC, "--seconds", "20", "--kill-every", "4"], capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
    taken, killed = (int(re.search(pattern, done.stdout)[1]) for pattern in (r"'taken': (\d+)", r"'killed': (\d+)"))
    assert taken >= 50 and killed >= 2, done.stdout
