"""S1 to S5, S8, P1: what becomes of greylisting when its file is harmed.

Who was told to wait is remembered; who cannot be remembered is not told to.
"""

from __future__ import annotations

import os
import pathlib
import random
import signal
import time

import pytest

from lib import room, wait

from .figures import SOAK, figure, rounds
from .remembering import (Greylister, Strangers, attempt, key, letters,
                          once)
from .running import await_line

needs_mount = pytest.mark.skipif(room.why_not() is not None,
                                 reason=f"{room.why_not()}")


def lost(filt: Greylister, senders: list[str]) -> list[str]:
    """Of those who were told to wait, who is not remembered."""
    records = filt.records()
    return [sender for sender in senders if key(sender) not in records]


@pytest.mark.parametrize("sync, at_once, turns", [
    ("on", 4, rounds(2000)),
    ("off", 1, rounds(400)),  # alone, so that the sessions write themselves
])
def test_killed_while_answering(sync, at_once, turns) -> None:
    """S1, P1: kill -9 at random moments; who was answered is remembered."""
    seed = int(os.environ.get("SEED", random.randrange(2**32)))
    print(f"seed {seed}")
    chance = random.Random(seed)
    with Greylister(waits="1d",  # longer than all rounds
                    settings=f"set greylist_sync {sync}") as filt:
        strangers = [Strangers(filt, f"{letters(n)}s")
                     for n in range(at_once)]
        for stranger in strangers:
            stranger.start()
        restarts = []
        for _ in range(turns):
            time.sleep(chance.uniform(0.010, 0.300))
            os.kill(filt.pid, signal.SIGKILL)
            began, count = time.monotonic(), sum(
                len(s.answered) for s in strangers)
            wait.until("answers again", 30, lambda: sum(
                len(s.answered) for s in strangers) > count)
            restarts.append(time.monotonic() - began)
        for stranger in strangers:
            stranger.stop()
        answered = [who for s in strangers for who in s.answered]
        missing = lost(filt, answered)
        foreign = filt.stats()["foreign"]
        other = [text for s in strangers for text in s.other]
        corrupt = len(filt.lines("S4")) + foreign
        passed = sum(len(s.passed) for s in strangers)
        # what waits, waits on: the wait does not begin anew
        early = filt.stats()["answers"]
        again = [once(filt, who) for who in answered[:20]]
        anew = filt.stats()["answers"]["new"] - early["new"]
    restarts.sort()
    figure("S1", sync=sync, kills=turns, answered=len(answered), lost=len(missing),
           corrupt=corrupt, passed_unasked=passed, began_anew=anew,
           again_p99_s=restarts[int(len(restarts) * 0.99)], seed=seed)
    figure("P1", sync=sync, greylist_kills=turns, lost=len(missing),
           refused=sum(text.startswith("5") for text in other))
    assert not missing and corrupt == 0 and not other
    assert again == ["wait"] * len(again) and anew == 0


@needs_mount
def test_disk_full() -> None:
    """S2: nobody hears another 4xx; it mends by itself.

    Who is told to wait may be dropped for the next, as where the room is full.
    """
    with Greylister(tmpfs="1m", settings="set greylist_size 512KiB") as filt:
        known = "known@s.example"
        assert once(filt, known) == "wait"
        with open(filt.state / "filler", "wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(bytes(4096))
            except OSError:
                pass
        flood = Strangers(filt, "flood", count=max(4000, rounds(20000)))
        flood.start()
        flood.finish(300)
        assert not flood.other, flood.other[:5]  # X: wait or pass, no else
        health = filt.stats()["health"]
        (filt.state / "filler").unlink()
        began = time.monotonic()
        numbers = iter(range(10**6))
        wait.until("room, as mail comes", 60, lambda: (
            once(filt, f"{letters(next(numbers))}@after.example") == "wait"
            and filt.stats()["health"] != "full"))
        recovery = time.monotonic() - began
        last = f"{letters(next(numbers) - 1)}@after.example"
        forgotten = len(lost(filt, flood.answered))
        figure("S2", strangers=len(flood.answered) + len(flood.passed),
               waited=len(flood.answered), passed=len(flood.passed),
               other_replies=len(flood.other), health=health,
               recovery_s=recovery, pruned_of_those=forgotten)
        assert health == "full" and not lost(filt, [last])
        assert not filt.lines("S4")


@needs_mount
def test_disk_too_small() -> None:
    """S2: where there was never room enough nobody is told to wait."""
    with Greylister(tmpfs="256k") as filt:
        flood = Strangers(filt, "flood", count=200)
        flood.start()
        flood.finish(60)
        missing = lost(filt, flood.answered)
        figure("S2", disk="too_small", waited=len(flood.answered),
               passed=len(flood.passed), other_replies=len(flood.other),
               answered_and_dropped=len(missing))
        assert not flood.other and not missing


def test_map_full() -> None:
    """S3: no room for strangers; deletes work, and make room.

    So many come to a filter within five minutes; `make soak` sends a million
    to the store itself, in its unit test.
    """
    with Greylister(settings="set greylist_size 256KiB") as filt:
        floods = [Strangers(filt, f"{letters(n)}f", count=rounds(300000) // 4)
                  for n in range(4)]
        for flood in floods:
            flood.start()
        for flood in floods:
            flood.finish(1800)
        waited = sum(len(f.answered) for f in floods)
        passed = sum(len(f.passed) for f in floods)
        assert not [text for f in floods for text in f.other]
        size = filt.store.stat().st_size
        stats = filt.stats()
        failed = 0
        for flood in floods:
            domain = flood.prefix + ".example"
            filt.ctl("forget", "--yes", "--sender", f"*@{domain}")
            failed += sum(domain in name for name in filt.records())
        after = once(filt, "after@s.example")
        figure("S3", inserts=waited + passed, waited=waited, passed=passed,
               file_kib=size // 1024, used_kib=stats["bytes_used"] // 1024,
               pruned=stats["pruned"], failed_deletes=failed)
        # what deletes need is beside the room
        assert size <= 512 * 1024 and stats["bytes_used"] <= 256 * 1024
        assert failed == 0 and after == "wait"


def truncated(data: bytes, used: int, chance: random.Random) -> bytes:
    """So much that pages in use are gone: free ones are behind them, too."""
    return data[:chance.randrange(1, used)]


def zeroed(data: bytes, used: int, chance: random.Random) -> bytes:
    """The head is gone, and any more of it."""
    del used
    count = chance.randrange(8192, len(data))
    return bytes(count) + data[count:]


def noise(data: bytes, used: int, chance: random.Random) -> bytes:
    del used
    return chance.randbytes(len(data))


def foreign(data: bytes, used: int, chance: random.Random) -> bytes:
    """Another program's."""
    del used, chance
    return b"SQLite format 3\0" + bytes(8192 - 16) + data[8192:]


@pytest.mark.parametrize("harm", [truncated, zeroed, noise, foreign],
                         ids=lambda harm: harm.__name__)
def test_damaged_at_start(harm) -> None:
    """S4: set aside under another name, one alert, and nobody waits twice."""
    chance = random.Random(4)
    turns = max(3, rounds(200) // 4)
    aside = alerts = twice = 0
    with Greylister() as filt:
        mta = filt.greeted()
        old = [f"{letters(number)}@old.example" for number in range(200)]
        for sender in old:
            assert attempt(mta, sender) == "wait"
        mta.quit()
        used = filt.stats()["bytes_used"]
        assert filt.stop() == 0
        good = filt.store.read_bytes()
        for _ in range(turns):
            for path in filt.state.glob("greylist.mdb*"):
                path.unlink()
            filt.store.write_bytes(harm(good, used, chance))
            filt.store.chmod(0o600)
            before = len(filt.lines("S4"))
            filt.start()
            answers = {once(filt, chance.choice(old)) for _ in range(5)}
            assert answers <= {"wait", "pass"}
            alerts += len(filt.lines("S4")) - before
            aside += len(list(filt.state.glob("greylist.mdb.damaged-*")))
            # who is told to wait is one who waits already
            said_new = filt.stats()["answers"]["new"]
            twice += said_new if "wait" in answers else 0
            assert filt.stop() == 0
    figure("S4", harm=harm.__name__, starts=turns, set_aside=aside,
           alerts=alerts, waited_twice=twice, crashes=0)
    assert alerts == aside == turns and twice == 0


def test_nobody_waits_twice() -> None:
    """S4: for as long as a wait the lost file makes nobody wait; then it does."""
    with Greylister(waits="3s") as filt:
        assert once(filt, "a@s.example") == "wait"
        filt.stop()
        filt.store.write_bytes(bytes(65536))
        filt.start()
        began = time.monotonic()
        assert once(filt, "a@s.example") == "pass"
        assert once(filt, "new@s.example") == "pass"
        numbers = iter(range(10**6))
        wait.until("greylisting", 20, lambda: once(
            filt, f"{letters(next(numbers))}@s.example") == "wait")
        suspended = time.monotonic() - began
        wait.until("its own wait", 5, lambda: once(
            filt, "new@s.example") == "pass")
        figure("S4", suspended_s=suspended, wait_s=3,
               alerts=len(filt.lines("S4")))
        assert 2 < suspended < 6 and len(filt.lines("S4")) == 1


@pytest.mark.parametrize("size", [0, 4096, 8192, 20480])
def test_truncated_while_running(size: int) -> None:
    """S4: the filter lives on, begins a new file, and nobody waits twice."""
    with Greylister() as filt:
        mta = filt.greeted()
        for number in range(500):
            assert attempt(mta, f"{letters(number)}@old.example") == "wait"
        mta.quit()
        wait.until("the last commit", 10, lambda: filt.stats()["commits"] > 0)
        time.sleep(1.5)  # what need not last is written by then
        before = filt.pid
        os.truncate(filt.store, size)
        answers = [once(filt, f"{letters(number)}@old.example")
                   for number in range(20)]
        await_line(filt, "S4", 1)
        figure("S4", truncated_running_to=size, restarts=filt.pid != before,
               waited_twice=answers.count("wait"),
               alerts=len(filt.lines("S4")))
        assert set(answers) == {"pass"} and filt.pid == before


def read_only(state: pathlib.Path) -> None:
    (state / "greylist.mdb").mkdir()  # root may write anywhere; not into this


def test_not_required() -> None:
    """S5: what cannot be opened costs greylisting, not mail, and is said."""
    with Greylister(prepare=read_only) as filt:
        assert once(filt, "a@s.example") == "pass"
        said_why = await_line(filt, "S5", 1)
        assert "greylist.mdb" in said_why[0]
        figure("S5", required="off", replies_4xx=0, said=len(said_why))


def test_required() -> None:
    """S5: with greylist_required it does not start, and says why."""
    try:
        filt = Greylister(prepare=read_only,
                          settings="set greylist_required on")
    except RuntimeError as exc:  # it was quicker than we
        log = "".join(exc.__notes__)
    else:
        with filt:
            assert filt.process
            wait.until("its end", 10,
                       lambda: filt.process.poll() is not None)
            assert filt.process.returncode == 1
            log = filt.log()
    assert "greylist_required is on" in log and "greylist.mdb" in log
    figure("S5", required="on", started=0)


def open_to_all(state: pathlib.Path) -> None:
    """Of another user, who may not be trusted with it."""
    (state / "greylist.mdb").write_bytes(b"")
    os.chown(state / "greylist.mdb", 12345, 12345)


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a file to another user")
def test_another_owner() -> None:
    """S5: a file of somebody else's costs no mail, is kept, and not shared."""
    with Greylister(prepare=open_to_all) as filt:
        answer = once(filt, "a@s.example")
        owner = filt.store.stat().st_uid
        said_why = len(filt.lines("S5"))
        figure("S5", owner="other", answer=answer, said=said_why,
               owner_after=owner)
        assert answer in ("wait", "pass")
        assert answer == "wait" or said_why


@needs_mount
def test_read_only_disk() -> None:
    """S5: nothing starts where no state can be kept, and says so plainly."""
    with pytest.raises(RuntimeError) as failed:
        Greylister(tmpfs="1m,ro")
    log = "".join(failed.value.__notes__)
    figure("S5", disk="ro", started=0)
    assert "set state_dir: " in log and "Read-only file system" in log


def test_mends_itself() -> None:
    """S5: what stands in the way is taken away; no restart is needed."""
    with Greylister(prepare=read_only) as filt:
        assert once(filt, "a@s.example") == "pass"
        filt.store.rmdir()
        began = time.monotonic()
        numbers = iter(range(10**6))
        wait.until("greylisting", 60, lambda: once(
            filt, f"{letters(next(numbers))}@s.example") == "wait")
        figure("S5", mended_after_s=time.monotonic() - began)


def test_flood() -> None:
    """S8: as many strangers as you like stay within the room.

    `make bench-large` shows five million of them.
    """
    count = rounds(250000)
    size_mib = 8 if SOAK else 1
    with Greylister(settings=f"set greylist_size {size_mib}MiB") as filt:
        floods = [Strangers(filt, f"{letters(n)}f", count=count // 4)
                  for n in range(4)]
        began = time.monotonic()
        for flood in floods:
            flood.start()
        for flood in floods:
            flood.finish(3600)
        took = time.monotonic() - began
        stats = filt.stats()
        size = filt.store.stat().st_size
        other = [text for f in floods for text in f.other]
        figure("S8", strangers=count, room_mib=size_mib,
               file_mib=size / 2**20, used_mib=stats["bytes_used"] / 2**20,
               per_s=count / took, pruned=stats["pruned"],
               passed=sum(len(f.passed) for f in floods),
               other_replies=len(other), health=stats["health"])
        assert size <= size_mib << 20 and not other
