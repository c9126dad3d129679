"""The clips that people judge, those of policies, and the pairs to practice on."""
