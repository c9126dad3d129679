"""Policies and reward models for programs that go without somersault: arrays, ONNX, a script, a model card."""
