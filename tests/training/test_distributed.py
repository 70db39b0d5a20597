"""What processes of a run agree on before they have said anything to each other."""

from datetime import timedelta
from unittest.mock import patch

import pytest
import torch

from training.distributed import Processes


def test_one_may_search_for_hours_while_the_others_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "4")
    with patch("training.distributed.dist.init_process_group") as meet:
        processes = Processes.join(torch.device("cpu"))
    assert (processes.rank, processes.count) == (1, 4)
    assert meet.call_args.kwargs["timeout"] >= timedelta(hours=12)
