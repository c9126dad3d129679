"""How well episodes went: true returns, flips, and the evaluation of a policy."""
