"""bf16 is measured, not declared: where it is slow, the log says so and names the setting."""

import logging

import pytest
from tiny_models import byte_tokenizer, tiny_model

from secondthought.models import bf16_speed
from secondthought.models.local import LocalModel


@pytest.fixture
def checkpoint(tmp_path):
    tiny_model("qwen2").save_pretrained(tmp_path)
    byte_tokenizer().save_pretrained(tmp_path)
    return tmp_path


def said(monkeypatch, caplog, checkpoint, *, times, precision):
    monkeypatch.setattr(bf16_speed, "slowdown", lambda device_type: times)
    with caplog.at_level(logging.WARNING):
        LocalModel.load(checkpoint, precision=precision, device="cpu")
    return [record.getMessage() for record in caplog.records if "bf16" in record.getMessage()]


def test_slow_bf16_is_said_where_a_model_is_loaded(monkeypatch, caplog, checkpoint):
    (sentence,) = said(monkeypatch, caplog, checkpoint, times=9.87, precision="bf16")
    assert "9.9 times as long as fp32" in sentence
    assert "model.precision = fp32" in sentence


@pytest.mark.parametrize(("times", "precision"), [(0.3, "bf16"), (1.2, "bf16"), (9.9, "fp32")])
def test_nothing_is_said_where_bf16_is_quick_or_not_asked_for(monkeypatch, caplog, checkpoint, times, precision):
    assert not said(monkeypatch, caplog, checkpoint, times=times, precision=precision)


def test_a_processor_is_measured_and_other_devices_are_not():
    bf16_speed.slowdown.cache_clear()
    assert 0 < bf16_speed.slowdown("cpu") < 1000
    assert bf16_speed.slowdown("cuda") == 1.0
