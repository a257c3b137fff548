"""The demo (`make run`): a platform to try things on, and an ERP that receives what it sends."""
