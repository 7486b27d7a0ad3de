import os
from itertools import count

from worker.providers.per_process import PerProcess


def test_a_process_builds_once() -> None:
    numbers = count()
    thing = PerProcess(lambda: next(numbers))

    assert [thing(), thing()] == [0, 0]


def test_a_forked_child_builds_its_own() -> None:
    thing = PerProcess(os.getpid)
    assert thing() == os.getpid()

    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, str(thing()).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        assert answer.read() == str(child)
    assert thing() == os.getpid()
