"""One process alone does nothing; what several do together is tested by training in test_processes_run.py."""

import torch

from vaeexplorer.processes import ALONE, Processes, join


def test_alone_everything_is_left_as_it_is(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert join() == ALONE
    x = torch.arange(6.0)
    assert ALONE.share(x) is x
    assert ALONE.sum_(x) is x
    assert ALONE.agree(7) == 7
    assert ALONE.first
    ALONE.leave()


def test_the_shares_of_all_processes_make_up_the_batch():
    x = torch.arange(10)
    parts = [Processes(rank, 3).share(x) for rank in range(3)]
    assert sorted(torch.cat(parts).tolist()) == list(range(10))
    assert [len(part) for part in parts] == [4, 3, 3]
    assert [len(Processes(rank, 3).share(x[:1])) for rank in range(3)] == [1, 0, 0]
