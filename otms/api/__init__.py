"""The wire kit: what every endpoint shares."""
