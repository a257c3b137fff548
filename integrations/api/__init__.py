"""The HTTP API of integrations, their queue and their logs."""
