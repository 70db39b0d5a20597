"""One update: decay, clipping, and refusing what is not a number."""

import math

import pytest
import torch
from torch import nn

from training.config import OptimisationConfig
from training.optimiser import Optimiser


def optimiser(model: nn.Module, **options: object) -> Optimiser:
    config = OptimisationConfig.model_validate({"learning_rate": 0.1, **options})
    return Optimiser(model, config, total_steps=10)


def test_it_follows_adamw_on_clipped_gradients_and_spares_biases_from_decay() -> None:
    model, plain = nn.Linear(3, 2), nn.Linear(3, 2)
    plain.load_state_dict(model.state_dict())
    ours = optimiser(model, weight_decay=0.1, max_grad_norm=0.5)
    reference = torch.optim.AdamW(
        [{"params": [plain.weight], "weight_decay": 0.1}, {"params": [plain.bias], "weight_decay": 0.0}],
        lr=0.1,
        betas=(0.9, 0.95),
    )
    for step in (1, 2, 3):
        for each in (model, plain):
            (each(torch.ones(4, 3) * step).square().sum()).backward()
        norm = ours.update(step)
        assert norm == pytest.approx(float(nn.utils.clip_grad_norm_(plain.parameters(), 0.5)), rel=1e-6)
        reference.step()
        reference.zero_grad()
    assert torch.allclose(model.weight, plain.weight, atol=1e-6)
    assert torch.allclose(model.bias, plain.bias, atol=1e-6)


def test_a_gradient_that_is_not_a_number_leaves_the_weights_alone() -> None:
    model = nn.Linear(2, 2)
    before = model.weight.detach().clone()
    ours = optimiser(model)
    (model(torch.ones(1, 2)).sum() * float("nan")).backward()
    assert math.isnan(ours.update(1))
    assert torch.equal(model.weight, before)
    model(torch.ones(1, 2)).sum().backward()
    ours.update(2)
    assert torch.isfinite(model.weight).all()
    assert not torch.equal(model.weight, before)


def test_an_update_without_any_gradient_moves_on_like_one_of_zeros() -> None:
    models = [nn.Linear(2, 2), nn.Linear(2, 2)]
    models[1].load_state_dict(models[0].state_dict())
    for model, explicit in zip(models, (False, True), strict=True):
        ours = optimiser(model)
        model(torch.ones(1, 2)).sum().backward()
        ours.update(1)
        if explicit:
            (model(torch.ones(1, 2)).sum() * 0).backward()
        assert ours.update(2) == 0
    assert torch.equal(models[0].weight, models[1].weight)
