"""Jobs of every kind go through while the daemon is killed at random moments.

Asserted after each round: no job is lost, no run happens twice, each run leaves one record, each mail
arrives.  A second copy of a mail is counted, and is a failure unless the daemon was killed after the
server had taken the first: the window between the server's word and the rename into `sent/`.

Rounds are numbered; a number is the seed of its round.  `--crash-rounds 50` runs fifty,
`--crash-seed 17 --crash-rounds 1` runs round 17 again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crash_round import Round
from smtp_server import Server

if TYPE_CHECKING:
    from pathlib import Path


def test_the_daemon_is_killed_again_and_again(tmp_path: Path, crash_round: int) -> None:
    with Server() as server:
        one = Round(tmp_path, crash_round, server)
        try:
            one.killer.start()
            one.go()
            one.check()
            assert len(one.kills) >= 5
            print(one.report(crash_round))  # noqa: T201  (the counts of rounds run by hand)
        finally:
            one.end_killing()
            one.grid.close()
