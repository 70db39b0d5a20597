"""Responses of several turns: what a model's tool calls are, how they are run, and the conversation around them."""
