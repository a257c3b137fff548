"""A mapping to begin with: from an example of what a target wants, what of ours may fill it.

No model and no network: rules of ours compare names, the words in them and the kinds of values, in
time that grows with the example. What is likely stands in the mapping; of the rest the paths are
offered, and a person decides.
"""

from integrations.core.suggestion.building import Suggested, Suggestion, suggest
from integrations.core.suggestion.example import FORMATS, ExampleError

__all__ = ["FORMATS", "ExampleError", "Suggested", "Suggestion", "suggest"]
